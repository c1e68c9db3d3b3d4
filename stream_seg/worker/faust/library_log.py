"""The logger of services that Faust runs. It is one of the libraries' loggers, so their start and stop is not shown."""

from __future__ import annotations

import logging
from typing import Final

LIBRARY_LOG: Final = logging.getLogger("faust.stream_seg")
