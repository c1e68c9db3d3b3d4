"""The decoders of the input topics, configured by a deployment's settings."""

from __future__ import annotations

from stream_seg.contracts.decode import Decoder
from stream_seg.contracts.placeholders import Placeholders
from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.settings import Settings


def decoders_of(settings: Settings) -> list[Decoder]:
    """Return a decoder for each input topic, in the order of TOPICS."""
    return [
        Decoder(
            name,
            currency=settings.currency,
            rates=settings.rates,
            ids=Placeholders(settings.placeholder_ids),
            context_traits=settings.context_traits,
        )
        for name in TOPICS
    ]
