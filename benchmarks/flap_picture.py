"""The picture of `scripts/bench flaps`: flaps against nearness and delay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.calm import COMPLETE_JOURNEY, SIMULATED, Point

TARGET_FLAPS: Final = 5.0
TARGET_NEAREST: Final = 90.0
TARGET_DAYS: Final = 10.0
DRAWN_DWELL: Final = 1.0
COLORS: Final = {
    "with days since the last order": "tab:red", "rates": "tab:orange", "default": "tab:blue", "paces": "tab:green",
}  # fmt: skip
STYLES: Final = {30.0: "-", 14.0: "--", 10.0: "-.", 7.0: ":"}


def draw(points: Sequence[Point], used: Sequence[Point], path: Path) -> None:
    """Draw three panels: flaps against nearness on both populations, and against the delay on the simulated one."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 3, figsize=(14, 4.8))
    near = "customers in their nearest segment, minimum over days, %"
    panel(panels[0], points, used, COMPLETE_JOURNEY, _nearest, near)
    panel(panels[1], points, used, SIMULATED, _nearest, near)
    panel(panels[2], points, used, SIMULATED, _delay, "days until a change of archetype is followed, median")
    for axis, title in zip(panels, ("Complete Journey", "simulated shop", "simulated shop"), strict=True):
        axis.set_title(title)
        axis.set_ylabel("flaps per 1,000 customer-days")
        axis.set_yscale("log")
        axis.axhline(TARGET_FLAPS, color="grey", lw=0.8)
        axis.grid(alpha=0.2)
    for axis in panels[:2]:
        axis.axvline(TARGET_NEAREST, color="grey", lw=0.8)
    panels[2].axvline(TARGET_DAYS, color="grey", lw=0.8)
    handles, labels = panels[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=4, fontsize=8, frameon=False)
    figure.suptitle("margins 0 to 0.2 with a dwell of a day, one model pinned, targets in grey", fontsize=10)
    figure.tight_layout(rect=(0, 0.12, 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)


def panel(
    axis: Any, points: Sequence[Point], used: Sequence[Point], name: str, across: Callable[[Point], float], label: str
) -> None:
    """Draw a line per choice of features and half-life, a dot per margin, and a star for the default settings."""
    lines = dict.fromkeys((each.features, each.half_life_days) for each in points)
    for features, half_life in lines:
        mine = [
            each for each in points
            if (each.population, each.features, each.half_life_days) == (name, features, half_life)
            and (each.dwell_days == DRAWN_DWELL or each.margin == 0)
        ]  # fmt: skip
        mine.sort(key=lambda each: each.margin)
        axis.plot(
            [across(each) for each in mine], [each.flaps for each in mine], marker="o", ms=3, lw=1.2,
            color=COLORS[features], ls=STYLES[half_life], label=f"{features}, half-life {half_life:g} days",
        )  # fmt: skip
    chosen = [each for each in used if each.population == name]
    axis.plot(
        [across(each) for each in chosen], [each.flaps for each in chosen], ls="", marker="*", ms=13, color="black",
        label="default settings, models as learned",
    )  # fmt: skip
    axis.set_xlabel(label, fontsize=9)


def _nearest(each: Point) -> float:
    return 100.0 * each.nearest


def _delay(each: Point) -> float:
    return each.followed.median(with_fading=False) if each.followed else float("nan")
