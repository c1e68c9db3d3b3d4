"""Current segments in Redis. Readers need only `from stream_seg.cache import SegmentClient`."""

from __future__ import annotations

from stream_seg.cache.client import AsyncSegmentClient, SegmentClient
from stream_seg.contracts.document import CustomerSegments
from stream_seg.errors import CacheDamaged, CacheUnavailable

__all__ = ["AsyncSegmentClient", "CacheDamaged", "CacheUnavailable", "CustomerSegments", "SegmentClient"]
