"""What a person watches while the demo runs: two bars, and segments as they appear."""

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
    """A live view on standard error; silent unless `shown`."""

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
        """Leave the terminal to others. Idempotent."""
        if self._shown:
            self._live.stop()

    def say(self, doing: str) -> None:
        """What the demo is doing now."""
        self._spinner.update(text=doing)

    def sent(self, now: Sent) -> None:
        """How far the replay is."""
        self._sent = now
        self.say("replaying")

    async def watch(self, progress: Progress, client: SegmentClient) -> None:
        """Follow worker and segments until cancelled."""
        self._progress = progress
        while self._shown:
            with suppress(CacheUnavailable):
                sizes, model = await asyncio.to_thread(_look, client)
                self._segments = segment_facts(sizes, model)
            await asyncio.sleep(LOOK_EVERY_S)

    def _render(self) -> RenderableType:
        parts: list[RenderableType] = [self._spinner]
        if self._sent is not None:
            parts += [bars(self._sent, self._progress)]
        if self._segments:
            parts += [Text(), growing(self._segments)]
        return Group(*parts)


def _look(client: SegmentClient) -> tuple[Mapping[str, Mapping[str, int]], Mapping[str, Any] | None]:
    return client.sizes(), client.model()


def bars(sent: Sent, progress: Progress) -> Table:
    """How much was sent, and how much of it the worker has made durable or refused."""
    made = Table.grid(padding=(0, 2))
    records = max(sent.records, progress.handled)  # the worker may know of some before their acknowledgement is counted
    total = sent.total or records
    made.add_row("sent", ProgressBar(total, records, BAR_WIDTH), f"{records:,}", day(sent.occurred_at_s))
    speed = f"{progress.events_per_s:,.0f} a second" if progress.events_per_s else ""
    made.add_row("processed", ProgressBar(total, progress.handled, BAR_WIDTH), f"{progress.handled:,}", speed)
    changed = f"model {progress.model_version}" if progress.model_version else "no model yet"
    made.add_row("segment changes", "", f"{progress.changes:,}", changed)
    return made


def growing(segments: Sequence[SegmentFacts]) -> Table:
    """Segments and their sizes, always in the same order so that the eye can follow."""
    made = table("segment", ">customers", "")
    for each in sorted(segments, key=lambda each: (each.dimension, each.segment)):
        made.add_row(each.name, f"{each.size:,}", ProgressBar(1.0, each.share, BAR_WIDTH))
    return made
