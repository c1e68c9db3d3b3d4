"""Addresses of the services of a deployment, from the settings or of started embedded services."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream_seg.kafka.broker import Broker


@dataclass(frozen=True, slots=True)
class Addresses:
    """The broker and the URL of Redis, which may hold a password."""

    broker: Broker
    redis_url: str = field(repr=False)
