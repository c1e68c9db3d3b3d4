"""The events of the three input topics, as typed dictionaries that pydantic validates strictly."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema
from typing_extensions import TypedDict

from .aliases import native_name
from .moments import seconds_of

MAX_QUANTITY: Final = 1_000_000
MAX_RATING: Final = 100


class _Also:
    """An annotation that adds forms to the published schema. The precise path converts them to the strict form."""

    def __init__(self, *forms: dict[str, Any]) -> None:
        self._forms = forms

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(schema), *self._forms]}


class _Published(_Also):
    """An annotation that publishes these forms in place of the strict one."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": list(self._forms)}


_NULL: Final = {"type": "null"}
_WHOLE_NUMBER: Final = {"type": "integer"}
_DECIMAL: Final = {"type": "string", "pattern": r"^\s*[+-]?(\d+(\.\d+)?|\.\d+)\s*$"}
_WHOLE_TEXT: Final = {"type": "string", "pattern": r"^\s*\d{1,7}\s*$"}


def _is_time(moment: str | float) -> str | float:
    if isinstance(moment, str):
        seconds_of(moment)
    return moment


Id = Annotated[str, Field(min_length=1, max_length=128), _Also(_WHOLE_NUMBER)]
CustomerId = Annotated[str, Field(min_length=1, max_length=256), _Also(_WHOLE_NUMBER)]
Name = Annotated[str, Field(max_length=256)]
Code = Annotated[str, Field(max_length=256), _Also(_WHOLE_NUMBER)]
Number = Annotated[float, Field(allow_inf_nan=False)]
LooseNumber = Annotated[float, Field(allow_inf_nan=False), _Also(_DECIMAL)]
# The precise path turns a negative order into a return, and a negative refund into its absolute value.
Amount = Annotated[
    float,
    Field(ge=0, allow_inf_nan=False, description="major units of the currency. A negative order is a return"),
    _Published({"type": "number"}, _DECIMAL),
]
Quantity = Annotated[float, Field(ge=-MAX_QUANTITY, le=MAX_QUANTITY, allow_inf_nan=False), _Also(_DECIMAL)]
Rating = Annotated[float, Field(ge=0, le=MAX_RATING, allow_inf_nan=False), _Also(_DECIMAL)]
Scalar = Annotated[str | bool | int | Number | None, Field(union_mode="left_to_right")]
CurrencyCode = Annotated[
    str, Field(description="ISO 4217, in any case", json_schema_extra={"pattern": "^([A-Za-z]{3})?$"})
]
Moment = Annotated[
    Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    | Annotated[Number, Field(json_schema_extra={"minimum": 0})],
    Field(union_mode="left_to_right", description="RFC 3339 with offset, or epoch seconds"),
]

InteractionName = Literal[
    "product_viewed",
    "product_clicked",
    "products_searched",
    "product_added",
    "product_removed",
    "cart_viewed",
    "checkout_started",
    "wishlist_added",
    "coupon_redeemed",
    "campaign_received",
    "email_opened",
    "email_clicked",
    "page_viewed",
    "review_posted",
    "support_contacted",
    "other",
]
# Any other name is accepted unchanged and counts as `other`. Aliases become native names.
AnyInteractionName = Annotated[
    InteractionName | Annotated[str, Field(min_length=1, max_length=128), AfterValidator(native_name)],
    Field(union_mode="left_to_right"),
]

_CONFIG: Final = ConfigDict(strict=True, extra="ignore")


class Event(TypedDict):
    """The fields that all events share: id, customer, time and channel."""

    __pydantic_config__ = _CONFIG  # type: ignore[misc]

    event_id: Annotated[Id, Field(description="the id by which a repeated event is recognized")]
    customer_id: CustomerId
    occurred_at: Moment
    channel: NotRequired[Annotated[Name | None, Field(description="web, app, store, email, ...")]]
    properties: NotRequired[Annotated[dict[str, Any] | None, Field(description="free, not kept in state")]]
    context: NotRequired[
        Annotated[Any, Field(description="location (country, region, city), device (type), locale, timezone")]
    ]


class Item(TypedDict, total=False):
    """One line of an order."""

    __pydantic_config__ = _CONFIG  # type: ignore[misc]

    product_id: Code | None
    category: Code | None
    quantity: Annotated[Quantity, _Also(_NULL)]
    price: LooseNumber | None


class Order(Event):
    """The fields that all events about orders share."""

    order_id: Id
    currency: NotRequired[Annotated[CurrencyCode | None, Field(description="the base currency if absent")]]
    items: NotRequired[
        Annotated[
            Annotated[int, Field(ge=0, le=MAX_QUANTITY), _Also(_WHOLE_TEXT)] | list[Item] | None,
            Field(union_mode="left_to_right"),
        ]
    ]
    discount: NotRequired[LooseNumber | None]
    coupon: NotRequired[Code | None]
    refund_id: NotRequired[Annotated[Id | None, Field(description="the same id of one order counts once")]]
    order_at: NotRequired[
        Annotated[Moment | None, AfterValidator(_is_time), Field(description="time at which the order was placed")]
    ]
    updated_at: NotRequired[
        Annotated[
            Moment | None,
            AfterValidator(_is_time),
            Field(
                description="time of this statement about the order, occurred_at if absent. The latest amount counts"
            ),
        ]
    ]


class Purchase(Order):
    """An event for a completed order, or for a refund with an amount."""

    type: NotRequired[
        Annotated[
            Literal["order_completed", "order_refunded"],
            Field(default="order_completed", description="order_updated is order_completed of a known order"),
            _Also(_NULL, {"const": "order_updated"}),
        ]
    ]
    amount: Amount


class Refund(Order):
    """A refund. Without an amount it refunds the sum of its items, or without items the rest of the order."""

    type: Literal["order_refunded"]
    amount: NotRequired[Amount | None]


class Cancellation(Order):
    """A cancellation of an order. Without an amount it takes back the whole order."""

    type: Literal["order_cancelled"]
    amount: NotRequired[Amount | None]


class Interaction(Event):
    """Any other action of a customer."""

    type: AnyInteractionName
    product_id: NotRequired[Code | None]
    category: NotRequired[Code | None]
    value: NotRequired[LooseNumber | None]
    campaign_id: NotRequired[Annotated[Code | None, Field(description="in campaign_received")]]
    rating: NotRequired[Annotated[Rating | None, Field(description="of a review or an answer")]]
    question: NotRequired[Annotated[Any, Field(description="text. In survey_answered it names a trait")]]
    answer: NotRequired[
        Annotated[Any, Field(description="a JSON scalar. In survey_answered it is the value of the trait")]
    ]


class Identify(Event):
    """Facts about a customer, as traits with JSON scalars as values."""

    type: Literal["identify"]
    traits: Annotated[dict[Name, Scalar], Field(description="up to 64 in 4 KiB of JSON are kept")]


class Alias(Event):
    """A statement that two ids are one customer. Not supported yet: becomes dead letter `not_supported_yet`."""

    type: Literal["alias"]
    previous_id: CustomerId


class Consent(Event):
    """The permitted uses of a customer's data. Not supported yet: becomes dead letter `not_supported_yet`."""

    type: Literal["consent"]
    purposes: dict[str, bool]


class Erase(Event):
    """A request to erase a customer's data. Not supported yet: becomes dead letter `not_supported_yet`."""

    type: Literal["erase"]


UNSUPPORTED: Final = ("alias", "consent", "erase")

PurchaseEvent = Annotated[Purchase | Refund | Cancellation, Field(union_mode="left_to_right")]
InteractionEvent = Interaction
ProfileEvent = Annotated[Identify | Alias | Consent | Erase, Field(discriminator="type")]


class _FrequentPurchase(Purchase):
    # A record with `event` or `event_name` may not be native. One with `context` or `question` may set traits. The
    # precise path handles both.
    event: NotRequired[None]
    event_name: NotRequired[None]
    context: NotRequired[None]


class _FrequentInteraction(Interaction):
    event: NotRequired[None]
    event_name: NotRequired[None]
    context: NotRequired[None]
    question: NotRequired[None]


# The frequent form of events by topic. Records in other forms take the precise path.
FREQUENT: Final[dict[str, Any]] = {
    "purchases": _FrequentPurchase,
    "interactions": _FrequentInteraction,
    "profiles": Identify,
}
