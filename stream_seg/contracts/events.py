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
    """Adds forms to the published schema, which the precise path turns into the strict one."""

    def __init__(self, *forms: dict[str, Any]) -> None:
        self._forms = forms

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(schema), *self._forms]}


class _Published(_Also):
    """Publishes these forms in place of the strict one."""

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
# A negative amount becomes a return, or the absolute value of a refund, on the precise path.
Amount = Annotated[
    float,
    Field(ge=0, allow_inf_nan=False, description="major units of the currency; a negative order is a return"),
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
# Any other name is accepted as it is, and counted as `other`. Aliases become our names.
AnyInteractionName = Annotated[
    InteractionName | Annotated[str, Field(min_length=1, max_length=128), AfterValidator(native_name)],
    Field(union_mode="left_to_right"),
]

_CONFIG: Final = ConfigDict(strict=True, extra="ignore")


class Event(TypedDict):
    """What every event says: which, whose, when, and through which channel."""

    __pydantic_config__ = _CONFIG  # type: ignore[misc]

    event_id: Annotated[Id, Field(description="the id by which a repeated event is recognised")]
    customer_id: CustomerId
    occurred_at: Moment
    channel: NotRequired[Annotated[Name | None, Field(description="web, app, store, email, ...")]]
    properties: NotRequired[Annotated[dict[str, Any] | None, Field(description="free; kept out of state")]]
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
    """What every event about an order says."""

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
    refund_id: NotRequired[Annotated[Id | None, Field(description="accepted, not used yet")]]
    order_at: NotRequired[
        Annotated[Moment | None, AfterValidator(_is_time), Field(description="time of the order; not used yet")]
    ]


class Purchase(Order):
    """An order was completed, or an amount of it was refunded."""

    type: NotRequired[
        Annotated[Literal["order_completed", "order_refunded"], Field(default="order_completed"), _Also(_NULL)]
    ]
    amount: Amount


class Refund(Order):
    """An order was refunded. Without an amount: the sum of the items, or all that is left of the order."""

    type: Literal["order_refunded"]
    amount: NotRequired[Amount | None]


class Cancellation(Order):
    """An order was cancelled; without an amount all of it goes back."""

    type: Literal["order_cancelled"]
    amount: NotRequired[Amount | None]


class Interaction(Event):
    """Anything else that a customer does."""

    type: AnyInteractionName
    product_id: NotRequired[Code | None]
    category: NotRequired[Code | None]
    value: NotRequired[LooseNumber | None]
    rating: NotRequired[Annotated[Rating | None, Field(description="of a review or an answer; not used yet")]]
    question: NotRequired[Annotated[Any, Field(description="text; of survey_answered, names a trait")]]
    answer: NotRequired[Annotated[Any, Field(description="a JSON scalar; of survey_answered, the trait's value")]]


class Identify(Event):
    """What is known about a customer, as traits of JSON scalars."""

    type: Literal["identify"]
    traits: Annotated[dict[Name, Scalar], Field(description="the first 64 in 4 KiB are kept")]


class Alias(Event):
    """`previous_id` and `customer_id` are one customer. Not acted on yet: dead letter `not_supported_yet`."""

    type: Literal["alias"]
    previous_id: CustomerId


class Consent(Event):
    """What a customer's data may be used for. Not acted on yet: dead letter `not_supported_yet`."""

    type: Literal["consent"]
    purposes: dict[str, bool]


class Erase(Event):
    """A customer's data must go. Not acted on yet: dead letter `not_supported_yet`."""

    type: Literal["erase"]


UNSUPPORTED: Final = ("alias", "consent", "erase")

PurchaseEvent = Annotated[Purchase | Refund | Cancellation, Field(union_mode="left_to_right")]
InteractionEvent = Interaction
ProfileEvent = Annotated[Identify | Alias | Consent | Erase, Field(discriminator="type")]


class _FrequentPurchase(Purchase):
    # With one of the first two a record may not be native. With the others it sets traits. The precise path tells.
    event: NotRequired[None]
    event_name: NotRequired[None]
    context: NotRequired[None]


class _FrequentInteraction(Interaction):
    event: NotRequired[None]
    event_name: NotRequired[None]
    context: NotRequired[None]
    question: NotRequired[None]


# The frequent form of each topic's events, which whole batches are validated as. Others take the precise path.
FREQUENT: Final[dict[str, Any]] = {
    "purchases": _FrequentPurchase,
    "interactions": _FrequentInteraction,
    "profiles": Identify,
}
