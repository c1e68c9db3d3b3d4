"""The live view of a demo: two progress bars, and segments as they appear."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from stream_seg.cache import SegmentClient
from stream_seg.cli.console import table
from stream_seg.cli.demo.follow import Progress
from stream_seg.cli.replay import day
from stream_seg.cli.segments import SegmentFacts, segment_facts
from stream_seg.errors import CacheUnavailable
from stream_seg.tools.replay.send import Progress as Sent

REFRESH_PER_S: Final = 8
LOOK_EVERY_S: Final = 0.4
BAR_WIDTH: Final = 40


class Screen:
    """A live view on standard error, silent unless `shown`."""

    def __init__(self, console: Console, *, shown: bool) -> None:
        self._shown = shown
        self._spinner = Spinner("dots", text="starting a broker and a Redis")
        self._sent: Sent | None = None
        self._progress = Progress()
        self._segments: list[SegmentFacts] = []
        self._live = Live(
            console=console, transient=True, refresh_per_second=REFRESH_PER_S, get_renderable=self._render
        )

    def __enter__(self) -> Self:
        if self._shown:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the live view. Idempotent."""
        if self._shown:
            self._live.stop()

    def say(self, doing: str) -> None:
        """Show the current step of the demo."""
        self._spinner.update(text=doing)

    def sent(self, now: Sent) -> None:
        """Show the progress of the replay."""
        self._sent = now
        self.say("replaying")

    async def watch(self, progress: Progress, client: SegmentClient) -> None:
        """Show the worker and the segments until cancelled."""
        self._progress = progress
        while self._shown:
            with suppress(CacheUnavailable):
                sizes, model = await asyncio.to_thread(_read_redis, client)
                self._segments = segment_facts(sizes, model)
            await asyncio.sleep(LOOK_EVERY_S)

    def _render(self) -> RenderableType:
        parts: list[RenderableType] = [self._spinner]
        if self._sent is not None:
            parts += [bars(self._sent, self._progress)]
        if self._segments:
            parts += [Text(), growing(self._segments)]
        return Group(*parts)


def _read_redis(client: SegmentClient) -> tuple[Mapping[str, Mapping[str, int]], Mapping[str, Any] | None]:
    return client.sizes(), client.model()


def bars(sent: Sent, progress: Progress) -> Table:
    """Return bars for the events sent, and for the events that the worker has stored or rejected."""
    rows = Table.grid(padding=(0, 2))
    records = max(sent.records, progress.handled)  # the worker may read some before their acknowledgement is counted
    total = sent.total or records
    rows.add_row("sent", ProgressBar(total, records, BAR_WIDTH), f"{records:,}", day(sent.occurred_at_s))
    speed = f"{progress.events_per_s:,.0f} a second" if progress.events_per_s else ""
    rows.add_row("processed", ProgressBar(total, progress.handled, BAR_WIDTH), f"{progress.handled:,}", speed)
    changed = f"model {progress.model_version}" if progress.model_version else "no model yet"
    rows.add_row("segment changes", "", f"{progress.changes:,}", changed)
    return rows


def growing(segments: Sequence[SegmentFacts]) -> Table:
    """Return segments and their sizes, always in the same order so that the eye can follow."""
    rows = table("segment", ">customers", "")
    for each in sorted(segments, key=lambda each: (each.dimension, each.segment)):
        rows.add_row(each.name, f"{each.size:,}", ProgressBar(1.0, each.share, BAR_WIDTH))
    return rows
