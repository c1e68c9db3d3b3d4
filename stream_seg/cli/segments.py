"""`stream-seg segments`: the sizes, names and profiles of segments, and the flows between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from stream_seg.addresses import Addresses
from stream_seg.cache import SegmentClient
from stream_seg.cli.config import load_settings, quiet_logging
from stream_seg.cli.console import print_json, stdout, table
from stream_seg.cli.interrupt import run_async
from stream_seg.cli.profiles import difference_in_words, profiles
from stream_seg.cli.words import QUANTITIES, quantity
from stream_seg.core.dimensions.behavior import BEHAVIOR
from stream_seg.embedded.services import attach_services
from stream_seg.settings import Settings
from stream_seg.tools.fold import Flow, fold_changes

BAR: Final = 8  # characters of a full bar
WIDE: Final = 100  # columns of a console that has room for everything
WIDE_FEATURES: Final = 5  # beside the share of revenue, within 120 columns
NARROW_FEATURES: Final = 4
NAME: Final = 24  # characters of a name before it wraps
FLOWS: Final = 8
Sizes = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """One segment: its customers now, their share of the dimension, and its profile in the active model.

    `profile` holds medians of features in human units. Each of `differences` has `words`, a phrase for the terminal.
    """

    dimension: str
    segment: str
    name: str
    size: int
    share: float
    profile: dict[str, float] = field(default_factory=dict)
    revenue_share: float | None = None
    views_per_order: float | None = None
    channels: dict[str, float] = field(default_factory=dict)
    categories: dict[str, float] = field(default_factory=dict)
    differences: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FlowFacts:
    """The number of changes from one segment to another, with their names now. `None` stands for no segment."""

    dimension: str
    left: str | None
    left_name: str
    entered: str | None
    entered_name: str
    changes: int


def run(*, as_json: bool, in_full: bool = False) -> int:
    """Read Redis and the topic of changes, and print segments. `in_full` prints profiles in place of the table."""
    settings = load_settings()
    quiet_logging(settings)
    addresses = attach_services(settings)
    with SegmentClient.from_url(addresses.redis_url, settings.redis_prefix) as client:
        model, sizes = client.model(), client.sizes()
    found = segment_facts(sizes, model, settings.currency)
    moves = run_async(_flows(addresses, settings, found))
    if as_json:
        print_json({"segments": [asdict(each) for each in found], "flows": [asdict(each) for each in moves]})
    elif not found:
        print("no segments yet: the learner waits for enough customers, or no worker has run (see `stream-seg lag`)")
    elif in_full:
        stdout().print(profiles(found, settings.currency))
    else:
        stdout().print(rendered(found, moves, settings.currency))
    return 0


async def _flows(addresses: Addresses, settings: Settings, found: Iterable[SegmentFacts]) -> list[FlowFacts]:
    topic = settings.topic("segment-changes")
    fold = await fold_changes(addresses.broker, topic)
    return flow_facts(fold.flows, found)


def segment_facts(sizes: Sizes, model: Mapping[str, Any] | None, currency: str = "USD") -> list[SegmentFacts]:
    """Return all segments with customers or in the active model, the largest first within a dimension."""
    known = {each["id"]: each for each in (model or {}).get("segments", ())}
    counts = {dimension: dict(segments) for dimension, segments in sizes.items()}
    behavior = counts.setdefault(BEHAVIOR, {})
    for segment in known:
        behavior.setdefault(segment, 0)
    found = []
    for dimension, segments in sorted(counts.items()):
        total = sum(segments.values())
        for segment, size in sorted(segments.items(), key=lambda item: (-item[1], item[0])):
            entry = known.get(segment, {}) if dimension == BEHAVIOR else {}
            share = size / total if total else 0.0
            name = entry.get("name", segment)
            found.append(SegmentFacts(dimension, segment, name, size, round(share, 4), **_profile(entry, currency)))
    return found


def _profile(entry: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """Return the profile of a segment in a snapshot. Older snapshots have fewer fields."""
    differences = ((each, difference_in_words(each, currency)) for each in entry.get("differences", ()))
    return {
        "profile": dict(entry.get("features", {})),
        "revenue_share": entry.get("revenue_share"),
        "views_per_order": entry.get("views_per_order"),
        "channels": dict(entry.get("channels", {})),
        "categories": dict(entry.get("categories", {})),
        "differences": [{**each, "words": words} for each, words in differences if words],
    }


def flow_facts(flows: Mapping[Flow, int], segments: Iterable[SegmentFacts]) -> list[FlowFacts]:
    """Return the flows between segments by id, the largest first, without first entries and new names."""
    now = {(each.dimension, each.segment): each.name for each in segments}
    by_id: Counter[tuple[str, str | None, str | None]] = Counter()
    then: dict[tuple[str, str | None], str] = {}
    for flow, changes in flows.items():
        if flow.left is not None and flow.left != flow.entered:
            by_id[flow.dimension, flow.left, flow.entered] += changes
            then[flow.dimension, flow.left] = flow.left_name or flow.left
            then[flow.dimension, flow.entered] = flow.entered_name or "no segment"

    def name(dimension: str, segment: str | None) -> str:
        return now.get((dimension, segment or ""), then[dimension, segment])

    return [
        FlowFacts(dimension, left, name(dimension, left), entered, name(dimension, entered), changes)
        for (dimension, left, entered), changes in sorted(by_id.items(), key=lambda item: (-item[1], str(item[0])))
    ]


def rendered(segments: list[SegmentFacts], flows: list[FlowFacts], currency: str) -> RenderableType:
    """Return the segments and the largest flows as tables."""
    parts: list[RenderableType] = [SegmentTable(segments, currency)]
    if flows:
        parts += [Text(), flow_table(flows)]
    return Group(*parts)


@dataclass(frozen=True, slots=True)
class SegmentTable:
    """A table with one line per segment: name, size, share and medians, without features that all segments lack."""

    segments: list[SegmentFacts]
    currency: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.table(narrow=options.max_width < WIDE)

    def table(self, *, narrow: bool) -> Table:
        """Return the table. A narrow table fits 80 columns and has fewer of them."""
        features = [name for name in QUANTITIES if any(round(each.profile.get(name, 0.0), 1) for each in self.segments)]
        has_revenue = any(each.revenue_share is not None for each in self.segments)
        features = features[: NARROW_FEATURES if narrow else WIDE_FEATURES if has_revenue else None]
        heads = [f">{QUANTITIES[name].column}" for name in features]
        more = (">of\nrevenue",) if has_revenue else ()
        wide = ("segment", "", ">customers", ">share", "", *more, *heads)
        rows = table("segment", ">size", *heads) if narrow else table(*wide)
        rows.columns[0].min_width = min(NAME, max((len(each.name) for each in self.segments), default=0))
        for each in self.segments:
            profile = each.profile
            values = [quantity(name, profile[name], self.currency) if name in profile else "" for name in features]
            size = f"{each.size:,}"
            revenue = "" if each.revenue_share is None else f"{each.revenue_share:.0%}"
            wide_cells = (
                Text(each.segment, "dim"),
                size,
                f"{each.share:.0%}",
                bar(each.share),
                *((revenue,) if has_revenue else ()),
            )
            rows.add_row(Text(each.name), *((size,) if narrow else wide_cells), *values)
        return rows


def bar(share: float) -> Text:
    """Return a share (0..1) as a bar. The smallest bar is still visible."""
    return Text("█" * max(round(share * BAR), 1 if share else 0), "cyan")


def flow_table(flows: list[FlowFacts], shown: int = FLOWS) -> Table:
    """Return the largest flows as a table, one per line."""
    rows = table(">changes", "from", "", "to")
    for flow in flows[:shown]:
        rows.add_row(f"{flow.changes:,}", Text(flow.left_name), "→", Text(flow.entered_name))
    return rows
