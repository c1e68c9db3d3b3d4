"""Mappings: TOML files that describe how rows of a table, or JSON objects, become events."""

from stream_seg.errors import MappingError

from .event_mapping import EventMapping
from .parse import parse_mapping
from .plan import MappedEvent

__all__ = ["EventMapping", "MappedEvent", "MappingError", "parse_mapping"]
