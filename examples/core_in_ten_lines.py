"""Run the core alone, without Kafka, Redis or Faust: absorb events, and print changes of segment with their reasons."""

from stream_seg.core import example

engine = example.engine()  # two segments, small and big spenders
customer = engine.new_customer(life=1)
for offset, (t, cents) in enumerate([(1_700_000_000.0, 12_00), (1_700_777_600.0, 850_00), (1_700_950_400.0, 640_00)]):
    engine.absorb(customer, "purchases", offset, {"event_id": f"e-{offset}", "order_id": f"o-{offset}"}, t, cents)
    for change in engine.update(b"h-1871", customer, now=t):
        print(f"{change.customer_id} {change.change} {change.to.name!r} by {change.event_id}: {change.reason.features}")
