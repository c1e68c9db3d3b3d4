"""Where services that Faust runs for us say that they start and stop: to the libraries' loggers, which are silenced."""

from __future__ import annotations

import logging
from typing import Final

LIBRARY_LOG: Final = logging.getLogger("faust.stream_seg")
