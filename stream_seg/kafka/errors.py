"""Errors of the connection to Kafka, as sentences that say what to do."""

from __future__ import annotations


class BrokerError(Exception):
    """The broker or a topic cannot be used. The message says what to do."""


class NoBroker(BrokerError):
    """Nothing answers at the address of the brokers."""

    def __init__(self, address: str) -> None:
        super().__init__(f"no broker answers at {address}: is it running? Set STREAM_SEG_BROKER to the right address")


class BrokerRefused(BrokerError):
    """The broker answers, but refuses this client: TLS, credentials or permissions are wrong."""
