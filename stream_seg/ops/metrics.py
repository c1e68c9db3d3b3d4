"""All metrics of a worker in one typed catalog. `python -m stream_seg.ops.metrics` prints it as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stream_seg.kafka.lag import PartitionLag

NAMESPACE = "stream_seg"
GROUP_SIZES = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
GROUP_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


@dataclass(frozen=True)
class Entry:
    """One documented metric: full name, kind (`counter`, `gauge` or `histogram`), labels, and one sentence."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


class Metrics:
    """The metrics of one worker as plain attributes, registered in a registry.

    `catalogue` lists them in the order of this file. All counters start at zero when the worker starts.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        make = _Maker(registry)
        self.catalogue: Sequence[Entry] = make.entries

        self.events_absorbed = make.counter("events_absorbed", "Events counted in a customer's record.", "topic")
        self.events_rejected = make.counter(
            "events_rejected", "Records that went to dead-letters, by reason code.", "reason"
        )
        self.repeats_skipped = make.counter(
            "repeats_skipped",
            "Events seen before and not counted again; by is offset (fence), event_id, order_id or refund_id.",
            "by",
        )
        self.orders_edited = make.counter(
            "orders_edited", "Further events about a known order that changed its amount or time."
        )
        self.refunds_unmatched = make.counter(
            "refunds_unmatched",
            "Refunds and cancellations whose order is not known, not yet or not any more; taken at their own amount.",
        )
        self.refunds_without_effect = make.counter(
            "refunds_without_effect",
            "Of these, refunds without an amount: they take nothing back until their order arrives.",
        )
        self.traits_dropped = make.counter(
            "traits_dropped", "Traits left out because their event carried more than 64 of them, or more than 4 KiB."
        )
        self.changes = make.counter("changes", "Segment changes published, by dimension.", "dimension")
        self.samples_sent = make.counter("samples_sent", "Customers' features sent to the learner.")
        self.offsets_missing = make.counter(
            "offsets_missing",
            "Offsets without a record, because of a transaction marker or because retention removed the record first.",
            "topic",
        )
        self.foreign_appends = make.counter(
            "foreign_appends",
            "Gaps in the changelog's offsets, where another worker wrote to a partition that this one owns.",
        )
        self.stage_seconds = make.counter("stage_seconds", "Time spent in each stage of processing, seconds.", "stage")
        self.group_events = make.histogram(
            "group_events", "Events that one group checkpoint made durable.", GROUP_SIZES
        )
        self.group_seconds = make.histogram(
            "group_seconds",
            "Duration of a group checkpoint, from taking the group to acknowledging its events.",
            GROUP_SECONDS,
        )
        self.events_gathered = make.gauge("events_gathered", "Events absorbed that wait for the next group checkpoint.")
        self.segment_customers = make.gauge(
            "segment_customers",
            "Customers of this worker in a segment, to be added up over all workers.",
            "dimension",
            "segment",
        )
        self.lag_events = make.gauge(
            "lag_events", "Records of an owned partition not yet committed.", "topic", "partition"
        )
        self.lag_seconds = make.gauge(
            "lag_seconds", "Age of the first uncommitted record of an owned partition, seconds.", "topic", "partition"
        )
        self.redis_up = make.gauge("redis_up", "Whether the last write to Redis succeeded: 1 or 0.")
        self.redis_dirty_customers = make.gauge(
            "redis_dirty_customers", "Customers whose document in Redis is behind and will be written again."
        )
        self.customers_to_reevaluate = make.gauge(
            "customers_to_reevaluate", "Customers that the active model has not evaluated yet."
        )
        self.model_version = make.gauge("model_version", "Version of the active segment model, 0 without one.")
        self.model_age_seconds = make.gauge(
            "model_age_seconds", "Age of the active segment model on the worker's clock, seconds."
        )
        self.drift_events = make.counter(
            "drift_events",
            "Drift events that this worker's learner published, by what changed: distance, share.",
            "what",
        )
        self.model_pinned = make.gauge("model_pinned", "Whether the active segment model is pinned: 1 or 0.")
        self.models_refused = make.counter(
            "models_refused",
            "Models that the gate refused or that cannot be used, so that the last good model stayed active.",
            "reason",
        )
        self.partitions_owned = make.gauge("partitions_owned", "Input partitions assigned to this worker.")
        self.recovery_seconds = make.gauge(
            "recovery_seconds", "Duration of the last recovery of state after an assignment, seconds."
        )
        self.changelog_replayed = make.counter(
            "changelog_replayed", "Changelog records applied by recoveries, without those that the worker already had."
        )

    def show_lag(self, lags: Iterable[PartitionLag]) -> None:
        """Replace all lag series, so that those of lost partitions disappear."""
        self.lag_events.clear()
        self.lag_seconds.clear()
        for lag in lags:
            self.lag_events.labels(lag.topic, lag.partition).set(lag.lag_events)
            self.lag_seconds.labels(lag.topic, lag.partition).set(lag.lag_seconds)


def markdown_table() -> str:
    """Return the catalog as a Markdown table with one line per metric."""
    lines = ["| metric | kind | labels | meaning |", "| --- | --- | --- | --- |"]
    for entry in Metrics(CollectorRegistry()).catalogue:
        labels = ", ".join(f"`{label}`" for label in entry.labels)
        lines.append(f"| `{entry.name}` | {entry.kind} | {labels} | {entry.help} |")
    return "\n".join(lines) + "\n"


class _Maker:
    """A factory of metrics that also records them for the catalog."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.entries: list[Entry] = []
        self._registry = registry

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        self._enter(f"{name}_total", "counter", text, labels)
        return Counter(name, text, labels, namespace=NAMESPACE, registry=self._registry)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        self._enter(name, "gauge", text, labels)
        return Gauge(name, text, labels, namespace=NAMESPACE, registry=self._registry)

    def histogram(self, name: str, text: str, buckets: Sequence[float]) -> Histogram:
        self._enter(name, "histogram", text, ())
        return Histogram(name, text, namespace=NAMESPACE, registry=self._registry, buckets=buckets)

    def _enter(self, name: str, kind: str, text: str, labels: tuple[str, ...]) -> None:
        self.entries.append(Entry(f"{NAMESPACE}_{name}", kind, labels, text))


if __name__ == "__main__":
    print(markdown_table(), end="")
