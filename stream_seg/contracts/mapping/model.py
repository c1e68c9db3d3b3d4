"""The tables of a mapping file, as pydantic models."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    field_validator,
    model_validator,
)

from stream_seg.core.events.taxonomy import TOPICS

from .convert import EPOCHS, NumberForm, TimeForm
from .suggest import suggested

Scalar = str | bool | int | float
_SOME_TIME: Final = datetime(2001, 12, 31, 23, 59, 58, 123456, UTC)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _named(value: Any) -> Any:
    return {"from": value} if isinstance(value, str | list) else value


def _known_zone(name: str) -> str:
    zone_of(name)
    return name


def _known_format(text: str) -> str:
    check_format(text)
    return text


Names = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]
Scalars = Annotated[list[Scalar], BeforeValidator(_listed), Field(min_length=1)]
Formats = Annotated[list[Annotated[str, AfterValidator(_known_format)]], BeforeValidator(_listed), Field(min_length=1)]
Zone = Annotated[str, AfterValidator(_known_zone)]
Decimal = Literal[".", ","]
Thousands = Literal["", ".", ",", " ", "'"]


class Table(BaseModel):
    """A table of the file, which rejects unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FileOptions(Table):
    """The options for CSV files."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    quote: Annotated[str, Field(min_length=1, max_length=1)] = '"'
    encoding: str = "utf-8-sig"

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            "a".encode(value, "surrogateescape").decode(value, "surrogateescape")
        except (LookupError, UnicodeError):
            raise ValueError(f"unknown encoding {value!r}. Write utf-8, latin-1 or cp1252") from None
        return value


class Numbers(Table):
    """The default form of numbers."""

    decimal: Decimal = "."
    thousands: Thousands = ""


class Times(Table):
    """The default form of times."""

    format: Formats | None = None
    zone: Zone | None = None


class Source(Table):
    """The source of a value: a constant, or columns or paths, of which the first one with a value counts."""

    from_: Names | None = Field(default=None, alias="from")
    value: Scalar | None = None
    default: Scalar | None = None
    values: dict[str, Scalar] | None = None
    divide: PositiveFloat | None = None
    decimal: Decimal | None = None
    thousands: Thousands | None = None
    format: Formats | None = None
    zone: Zone | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.from_ is None) == (self.value is None):
            raise ValueError("write either `from`, the column or path, or `value`, a constant")
        return self

    @property
    def as_number(self) -> bool:
        """Whether the keys of the source imply a number."""
        return not (self.divide is None and self.decimal is None and self.thousands is None)

    @property
    def as_time(self) -> bool:
        """Whether the keys of the source imply a time."""
        return not (self.format is None and self.zone is None)

    def number_form(self, common: Numbers) -> NumberForm:
        """Return the form of this number by its keys or those of the file. Raises ValueError for equal separators."""
        decimal = common.decimal if self.decimal is None else self.decimal
        thousands = common.thousands if self.thousands is None else self.thousands
        if decimal == thousands:
            raise ValueError(f"decimal and thousands are both {decimal!r}. Name two different separators")
        return NumberForm(decimal, thousands, self.divide or 1.0)

    def time_form(self, common: Times) -> TimeForm:
        """Return the form of this time by its keys or those of the file. Raises ValueError if a zone is missing."""
        formats = (common.format if self.format is None else self.format) or []
        zone = common.zone if self.zone is None else self.zone
        local = [each for each in formats if each not in EPOCHS and "%z" not in each]
        if local and zone is None:
            raise ValueError(f"the format {local[0]!r} has no offset (%z), so it needs a `zone` such as Europe/Berlin")
        return TimeForm(tuple(formats), None if zone is None else zone_of(zone))


AnySource = Annotated[Source, BeforeValidator(_named)]


class Condition(Table):
    """A test of one column or path: its value is one of these, is none of these, or is present."""

    from_: str = Field(alias="from")
    is_: Scalars | None = Field(default=None, alias="is")
    not_: Scalars | None = Field(default=None, alias="not")
    present: bool | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if [self.is_, self.not_, self.present].count(None) != 2:
            raise ValueError("write one of `is`, `not` and `present`")
        return self


class Items(Table):
    """The lines of an order, from a list of objects. The sources are paths within one object."""

    each: str
    product_id: AnySource | None = None
    category: AnySource | None = None
    quantity: AnySource | None = None
    price: AnySource | None = None


def _dynamic(value: Any) -> Any:
    return value if isinstance(value, dict) else {"value": value}


class EventTable(Table):
    """A kind of event: the rows that become such events, and the sources of its fields."""

    type: Annotated[Source, BeforeValidator(_dynamic)]
    topic: str | None = None
    when: Annotated[list[Condition], BeforeValidator(_listed)] = Field(default_factory=list)
    fields: dict[str, AnySource]
    traits: dict[str, AnySource] = Field(default_factory=dict)
    items: Items | None = None

    @field_validator("topic")
    @classmethod
    def _an_input(cls, value: str | None) -> str | None:
        if value is not None and value not in TOPICS:
            raise ValueError(f"{value!r} is not an input topic. Write {', '.join(TOPICS)}{suggested(value, TOPICS)}")
        return value

    @property
    def constant_type(self) -> str | None:
        """The type of all events of this table, or None if it depends on the row."""
        return self.type.value if isinstance(self.type.value, str) else None


class MappingFile(Table):
    """A mapping file."""

    file: FileOptions = FileOptions()
    numbers: Numbers = Numbers()
    times: Times = Times()
    event: Annotated[list[EventTable], Field(min_length=1)]


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone of the IANA database. Raises ValueError for an unknown name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
    if not known:
        raise ValueError("this machine has no time zones. Run: pip install tzdata")
    raise ValueError(f"unknown time zone {name!r}. Write one such as Europe/Berlin or UTC{suggested(name, known)}")


def check_format(text: str) -> None:
    """Raise ValueError for a time format that is not in EPOCHS and that `strptime` does not know."""
    if text in EPOCHS:
        return
    try:
        datetime.strptime(_SOME_TIME.strftime(text), text)
    except ValueError:
        pass
    else:
        if "%" in text:
            return
    known = "'%d.%m.%Y %H:%M' or one of " + ", ".join(EPOCHS)
    raise ValueError(f"{text!r} is not a time format. Write one such as {known}{suggested(text, EPOCHS)}")
