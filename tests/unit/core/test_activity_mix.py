"""The activity mix of a customer, computed from the record."""

from __future__ import annotations

import numpy as np
import pytest

from stream_seg.core import activity_mix, example
from stream_seg.core.customer import Customer
from stream_seg.core.decay import DAY_S
from stream_seg.core.events.taxonomy import CHANNELS
from stream_seg.core.record import columns

AT = 1_700_000_000.0
ENGINE = example.engine()


def acted(*events: tuple[str, dict[str, object]]) -> Customer:
    """Return a customer with these events, all at `AT`."""
    customer = ENGINE.new_customer(life=1)
    for number, (topic, event) in enumerate(events):
        ENGINE.absorb(customer, topic, number, {"event_id": f"e-{number}", **event}, AT, 10_00)
    return customer


def mixed(customer: Customer, now: float = AT) -> np.ndarray:
    return activity_mix.compute(columns([customer.pack()]), np.array([now]), ENGINE.rules.decay)[0]


def test_channels_are_shares_of_actions_with_a_channel() -> None:
    view = {"type": "product_viewed"}
    found = mixed(
        acted(
            ("interactions", {**view, "channel": "web"}),
            ("interactions", {**view, "channel": "web"}),
            ("purchases", {"order_id": "o-1", "channel": "store"}),
            ("interactions", view),
        )
    )
    shares = dict(zip(CHANNELS, found[activity_mix.CHANNEL_SHARES].tolist(), strict=True))
    assert shares == {
        "web": pytest.approx(2 / 3),
        "app": 0.0,
        "store": pytest.approx(1 / 3),
        "email": 0.0,
        "other": 0.0,
    }


def test_views_decay_and_shares_do_not() -> None:
    customer = acted(("interactions", {"type": "product_viewed", "channel": "app"}))
    now, later = mixed(customer), mixed(customer, AT + 30 * DAY_S)
    assert later[activity_mix.VIEWS] == pytest.approx(now[activity_mix.VIEWS] / 2)
    assert later[1:].tolist() == now[1:].tolist()


def test_orders_count_as_in_the_record_and_do_not_decay() -> None:
    placed = [("purchases", {"order_id": f"o-{number}"}) for number in range(3)]
    refunded = ("purchases", {"type": "order_refunded", "order_id": "o-0"})
    cancelled = ("purchases", {"type": "order_cancelled", "order_id": "o-1"})
    customer = acted(*placed, refunded, cancelled)
    assert (
        mixed(customer)[activity_mix.ORDER_COUNT]
        == mixed(customer, AT + 4_000 * DAY_S)[activity_mix.ORDER_COUNT]
        == 2.0
    )


def test_a_batch_has_the_mix_of_its_records() -> None:
    customer = acted(("purchases", {"order_id": "o-1", "channel": "web"}), ("interactions", {"type": "product_viewed"}))
    opened, now = ENGINE.new_batch(), np.array([AT + DAY_S])
    opened.open([b"c"], [customer.pack()])
    assert activity_mix.compute(opened, now, ENGINE.rules.decay).tolist() == [mixed(customer, AT + DAY_S).tolist()]


def test_a_campaign_that_was_sent_is_no_action_in_its_channel() -> None:
    sent = ("interactions", {"type": "campaign_received", "channel": "email"})
    opened = ("interactions", {"type": "email_opened", "channel": "email"})
    assert not mixed(acted(sent))[activity_mix.CHANNEL_SHARES].any()
    shares = mixed(acted(sent, sent, opened, ("purchases", {"order_id": "o-1", "channel": "store"})))[
        activity_mix.CHANNEL_SHARES
    ]
    assert shares[CHANNELS.index("email")] == shares[CHANNELS.index("store")] == pytest.approx(0.5)


def test_a_new_customer_has_no_mix() -> None:
    assert mixed(ENGINE.new_customer(life=1)).tolist() == [0.0] * activity_mix.MIX_SIZE
