"""Kafka Connect: unwraps values that carry their schema, and refuses database rows, which need a mapping."""

from __future__ import annotations

from typing import Final

from stream_seg.contracts import reasons
from stream_seg.contracts.placeholders import Placeholders
from stream_seg.contracts.reasons import Refused, quoted

from .base import Format, Json, Wrapper, object_in


def _has_schema(raw: Json) -> bool:
    return len(raw) == 2 and "schema" in raw and isinstance(raw.get("payload"), dict)


def _is_change(raw: Json) -> bool:
    envelope = "op" in raw and ("after" in raw or "before" in raw) and ("source" in raw or "ts_ms" in raw)
    return envelope or "__op" in raw or "__deleted" in raw


def _refuse_change(_topic: str, raw: Json, _ids: Placeholders) -> Json:
    table = object_in(raw, "source").get("table") or raw.get("__table")
    of = f" of the table {quoted(table)}" if table is not None else ""
    raise Refused(
        reasons.UNSUPPORTED_FORMAT,
        f"The record is a Debezium change{of}, which is a row, not an event. Send it through `stream-seg intake` with "
        "a mapping of its columns.",
    )


CONNECT: Final = Wrapper(_has_schema, lambda raw: raw["payload"], lambda _raw, payload: payload)
DEBEZIUM: Final = Format("Debezium change", _is_change, _refuse_change)
