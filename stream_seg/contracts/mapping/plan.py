"""One event table of a mapping, prepared for many rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from stream_seg.contracts.aliases import native_name
from stream_seg.contracts.event_fields import Kind, all_fields, needed_fields, topic_of_type
from stream_seg.contracts.reasons import MISSING_FIELD, UNKNOWN_TYPE, WRONG_TYPE, Refused

from .convert import Converter, moment, number, shown, text
from .model import Condition, EventTable, Items, Numbers, Source, Times
from .paths import first_value, value_at

Read = Callable[[Mapping[str, Any]], Any]


class MappedEvent(NamedTuple):
    """An event in native form, with its topic (without prefix)."""

    topic: str
    event: dict[str, Any]


class Plan:
    """One event table, prepared for many rows. Raises ValueError for an invalid form of numbers or times."""

    def __init__(self, table: EventTable, numbers: Numbers, times: Times) -> None:
        self._table = table
        self._numbers = numbers
        self._times = times
        self._type = self._reader("type", table.type, "text")
        kinds = all_fields()
        self._fields = {
            name: self._reader(f"fields.{name}", source, kinds[name]) for name, source in table.fields.items()
        }
        self._traits = {name: self._reader(f"traits.{name}", source, None) for name, source in table.traits.items()}
        self._items = {} if table.items is None else self._item_readers(table.items)

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Return whether all conditions of the table hold for a row."""
        return all(_holds(condition, row) for condition in self._table.when)

    def event_of(self, row: Mapping[str, Any]) -> MappedEvent:
        """Return the event for a row. Raises Refused."""
        kind = self._type(row)
        if kind is None:
            raise Refused(MISSING_FIELD, f"type is missing: {_origin(self._table.type)} is empty.")
        event: dict[str, Any] = {"type": native_name(kind)}
        event |= {name: value for name, read in self._fields.items() if (value := read(row)) is not None}
        topic = self._table.topic or topic_of_type(kind)
        if self._traits:
            event["traits"] = {name: value for name, read in self._traits.items() if (value := read(row)) is not None}
        if self._table.items is not None:
            event["items"] = self._lines(row, self._table.items.each)
        for name in needed_fields(topic, event["type"]):
            if name not in event:
                source = self._table.fields.get(name)
                origin = "the mapping has no source for it" if source is None else f"{_origin(source)} is empty"
                raise Refused(MISSING_FIELD, f"{name} is missing: {origin}.")
        return MappedEvent(topic, event)

    def paths(self) -> Iterable[tuple[str, Sequence[str]]]:
        """Yield every key of the table that names columns or paths of a row, with these names."""
        yield from ((f"when.{number}", [each.from_]) for number, each in enumerate(self._table.when, 1))
        sources = {"type": self._table.type}
        sources |= {f"fields.{name}": source for name, source in self._table.fields.items()}
        sources |= {f"traits.{name}": source for name, source in self._table.traits.items()}
        yield from ((key, source.from_) for key, source in sources.items() if source.from_ is not None)
        if self._table.items is not None:
            yield "items.each", [self._table.items.each]

    def _reader(self, key: str, source: Source, kind: Kind | None) -> Read:
        """Return a function that reads one value from a row. If `kind` is None, the source's keys tell it."""
        if kind is None:
            kind = "number" if source.as_number else "time" if source.as_time else None
        try:
            convert = self._converter(source, kind)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
        constant = source.value

        def read(row: Mapping[str, Any]) -> Any:
            try:
                value = constant if source.from_ is None else _translated(source, first_value(row, source.from_))
                return None if value is None else convert(value)
            except Refused as why:
                raise Refused(why.reason, f"{_origin(source)} {why.detail}.") from None

        return read

    def _converter(self, source: Source, kind: Kind | None) -> Converter:
        if kind in ("number", "items"):
            numbers = source.number_form(self._numbers)
            return lambda value: number(value, numbers) if kind == "number" else _count(number(value, numbers))
        if kind == "time":
            times = source.time_form(self._times)
            return lambda value: moment(value, times)
        if kind == "object":
            return _object
        return text if kind == "text" else _scalar

    def _item_readers(self, items: Items) -> dict[str, Read]:
        kinds: dict[str, Kind] = {"product_id": "text", "category": "text", "quantity": "number", "price": "number"}
        sources = {name: getattr(items, name) for name in kinds}
        return {
            name: self._reader(f"items.{name}", source, kinds[name])
            for name, source in sources.items()
            if source is not None
        }

    def _lines(self, row: Mapping[str, Any], path: str) -> list[dict[str, Any]]:
        lines = value_at(row, path)
        if lines is not None and not isinstance(lines, list):
            raise Refused(WRONG_TYPE, f"{path} must be a list of objects (it is {shown(lines)}).")
        return [
            {name: value for name, read in self._items.items() if (value := read(line)) is not None}
            for line in lines or ()
            if isinstance(line, dict)
        ]


def _holds(condition: Condition, row: Mapping[str, Any]) -> bool:
    value = value_at(row, condition.from_)
    if condition.present is not None:
        return (value is not None) == condition.present
    if condition.is_ is not None:
        return _among(value, condition.is_)
    return not _among(value, condition.not_ or ())


def _among(value: Any, wanted: Iterable[Any]) -> bool:
    """Return whether a value equals one of `wanted` as text, because a cell is text where a mapping has a number."""
    if not isinstance(value, str | bool | int | float | date):
        return False
    found = text(value)
    return any(found == text(each) for each in wanted)


def _translated(source: Source, value: Any) -> Any:
    if value is None:
        return source.default
    if source.values is None:
        return value
    found = source.values.get(text(value), source.default)
    if found is None:
        raise Refused(UNKNOWN_TYPE, f"is {shown(value)}, which `values` does not name")
    return found


def _origin(source: Source) -> str:
    return "the constant" if source.from_ is None else " or ".join(source.from_)


def _count(value: float) -> int:
    if not value.is_integer():
        raise Refused(WRONG_TYPE, f"must be a whole number (it is {value:g})")
    return int(value)


def _object(value: Any) -> Any:
    if not isinstance(value, dict):
        raise Refused(WRONG_TYPE, f"must be an object (it is {shown(value)})")
    return value


def _scalar(value: Any) -> Any:
    return value if isinstance(value, str | bool | int | float) else text(value)
