"""The events of the three input topics, as typed dictionaries that pydantic validates strictly."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError
from typing_extensions import TypedDict

from .aliases import native_name

MAX_TRAITS: Final = 64
MAX_TRAITS_BYTES: Final = 4096
MAX_QUANTITY: Final = 1_000_000


class _NullIsAbsent:
    """Tells the schema that null may stand here. Validation refuses it: the precise path leaves null fields out."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(schema), {"type": "null"}]}


Id = Annotated[str, Field(min_length=1, max_length=128)]
CustomerId = Annotated[str, Field(min_length=1, max_length=256)]
Name = Annotated[str, Field(max_length=256)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False, description="major units of the currency")]
Quantity = Annotated[float, Field(ge=0, le=MAX_QUANTITY, allow_inf_nan=False)]
Scalar = Annotated[str | bool | int | Number | None, Field(union_mode="left_to_right")]
CurrencyCode = Annotated[str, Field(description="ISO 4217", json_schema_extra={"pattern": "^[A-Z]{3}$"})]
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
# Any other name is accepted as it is, and counted as `other`; others' names for ours become ours.
AnyInteractionName = Annotated[
    InteractionName | Annotated[str, Field(min_length=1, max_length=128), AfterValidator(native_name)],
    Field(union_mode="left_to_right"),
]

_CONFIG: Final = ConfigDict(strict=True, extra="ignore")


def _small(traits: dict[str, Any]) -> dict[str, Any]:
    size = len(json.dumps(traits, ensure_ascii=False, separators=(",", ":")).encode())
    if len(traits) > MAX_TRAITS or size > MAX_TRAITS_BYTES:
        raise PydanticCustomError(
            "traits_too_large",
            "are {count} in {size} bytes; at most 64 in 4096 bytes are allowed",
            {"count": len(traits), "size": size},
        )
    return traits


class Event(TypedDict):
    """What every event says: which, whose, when, and through which channel."""

    __pydantic_config__ = _CONFIG  # type: ignore[misc]

    event_id: Annotated[Id, Field(description="the id by which a repeated event is recognised")]
    customer_id: CustomerId
    occurred_at: Moment
    channel: NotRequired[Annotated[Name | None, Field(description="web, app, store, email, ...")]]
    properties: NotRequired[Annotated[dict[str, Any] | None, Field(description="free; kept out of state")]]


class Item(TypedDict, total=False):
    """One line of an order."""

    __pydantic_config__ = _CONFIG  # type: ignore[misc]

    product_id: Name | None
    category: Name | None
    quantity: Annotated[Quantity, _NullIsAbsent()]
    price: Amount | None


class Order(Event):
    """What every event about an order says."""

    order_id: Id
    currency: NotRequired[Annotated[CurrencyCode | None, Field(description="the base currency if absent")]]
    items: NotRequired[
        Annotated[Annotated[int, Field(ge=0, le=MAX_QUANTITY)] | list[Item] | None, Field(union_mode="left_to_right")]
    ]
    discount: NotRequired[Number | None]
    coupon: NotRequired[Name | None]


class Purchase(Order):
    """An order was completed or refunded; a refund's amount is what goes back."""

    type: NotRequired[
        Annotated[Literal["order_completed", "order_refunded"], Field(default="order_completed"), _NullIsAbsent()]
    ]
    amount: Amount


class Cancellation(Order):
    """An order was cancelled; without an amount all of it goes back."""

    type: Literal["order_cancelled"]
    amount: NotRequired[Amount | None]


class Interaction(Event):
    """Anything else that a customer does."""

    type: AnyInteractionName
    product_id: NotRequired[Name | None]
    category: NotRequired[Name | None]
    value: NotRequired[Number | None]


class Identify(Event):
    """What is known about a customer, as traits of JSON scalars."""

    type: Literal["identify"]
    traits: Annotated[
        dict[Name, Scalar], AfterValidator(_small), Field(json_schema_extra={"maxProperties": MAX_TRAITS})
    ]


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

PurchaseEvent = Annotated[Purchase | Cancellation, Field(union_mode="left_to_right")]
InteractionEvent = Interaction
ProfileEvent = Annotated[Identify | Alias | Consent | Erase, Field(discriminator="type")]

# The frequent form of each topic's events, which whole batches are validated as. Others take the precise path.
FREQUENT: Final[dict[str, Any]] = {"purchases": Purchase, "interactions": Interaction, "profiles": Identify}
