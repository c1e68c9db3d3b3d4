"""The reason codes of dead letters, with a sentence for each."""

from __future__ import annotations

import json
from typing import Final

NULL_VALUE: Final = "null_value"
TOO_LARGE: Final = "too_large"
NOT_UTF8: Final = "not_utf8"
NOT_JSON: Final = "not_json"
TOO_DEEP: Final = "too_deep"
NOT_AN_OBJECT: Final = "not_an_object"
MISSING_FIELD: Final = "missing_field"
EMPTY_ID: Final = "empty_id"
ID_TOO_LONG: Final = "id_too_long"
WRONG_TYPE: Final = "wrong_type"
BAD_AMOUNT: Final = "bad_amount"
AMOUNT_OUT_OF_RANGE: Final = "amount_out_of_range"
UNKNOWN_CURRENCY: Final = "unknown_currency"
CURRENCY_WITHOUT_RATE: Final = "currency_without_rate"
BAD_TIME: Final = "bad_time"
TIME_WITHOUT_OFFSET: Final = "time_without_offset"
TIME_IN_FUTURE: Final = "time_in_future"
TIME_BEFORE_1970: Final = "time_before_1970"
UNKNOWN_TYPE: Final = "unknown_type"
KEY_MISMATCH: Final = "key_mismatch"
MISSING_KEY: Final = "missing_key"
WRONG_PARTITION: Final = "wrong_partition"
NOT_SUPPORTED_YET: Final = "not_supported_yet"
PLACEHOLDER_ID: Final = "placeholder_id"
UNSUPPORTED_FORMAT: Final = "unsupported_format"

# Maximum length of a detail, which a dead letter carries in a header.
_DETAIL_CHARACTERS: Final = 400

SENTENCES: Final[dict[str, str]] = {
    NULL_VALUE: "The record has no value. A tombstone does not delete an event.",
    TOO_LARGE: "The value is larger than 256 KiB.",
    NOT_UTF8: "The value is not UTF-8.",
    NOT_JSON: "The value is not exactly one JSON value.",
    TOO_DEEP: "The value nests arrays and objects too deeply.",
    NOT_AN_OBJECT: "The value is JSON, but not an object.",
    MISSING_FIELD: "A required field is missing.",
    EMPTY_ID: "An id or a name is an empty string.",
    ID_TOO_LONG: "An id or a name is longer than the contract allows.",
    WRONG_TYPE: "A field does not have the JSON type that the contract requires.",
    BAD_AMOUNT: "An amount or quantity is not a plain decimal, NaN, infinite, or negative where it must not be.",
    AMOUNT_OUT_OF_RANGE: "An amount or quantity is implausibly large.",
    UNKNOWN_CURRENCY: "The currency is not an ISO 4217 code.",
    CURRENCY_WITHOUT_RATE: "The currency is not the base currency, and the settings have no rate for it.",
    BAD_TIME: "A time is neither RFC 3339 nor epoch seconds.",
    TIME_WITHOUT_OFFSET: "occurred_at has no offset from UTC, so the exact time is unknown.",
    TIME_IN_FUTURE: "occurred_at is in the future.",
    TIME_BEFORE_1970: "occurred_at is before 1970.",
    UNKNOWN_TYPE: "The topic does not carry this type of event.",
    KEY_MISMATCH: "The record's key is not the event's customer_id.",
    MISSING_KEY: "The record has no key. The key must be the customer id.",
    WRONG_PARTITION: "The key does not belong in this partition by the murmur2 partitioner.",
    NOT_SUPPORTED_YET: "The contract defines this type, but this version does not support it yet.",
    PLACEHOLDER_ID: "The customer id is a placeholder, such as undefined or guest, which many customers would share.",
    UNSUPPORTED_FORMAT: "The record is in a known format of another program that this topic cannot take as it is.",
}


class Refused(Exception):
    """The refusal of a record: a reason code of this module, and a sentence about this record."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail if len(detail) <= _DETAIL_CHARACTERS else detail[: _DETAIL_CHARACTERS - 1] + "…"


def quoted(value: object) -> str:
    """Return a JSON value for a detail, in ASCII without control characters and cut to 80 characters."""
    text = json.dumps(value[:80] if isinstance(value, str) else value)
    return text if len(text) <= 80 else text[:79] + "…"
