"""Pictures of docs/internals/clustering.md, drawn by the bench of quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import matplotlib
import numpy as np
from numpy.typing import NDArray

matplotlib.use("Agg")
from matplotlib import pyplot as plt

TITLES = {"population": "Simulated shop", "complete_journey": "Complete Journey"}
CEILING = 1.5
DOTS = 1_500


class Line(Protocol):
    """The recorded course of one contender."""

    @property
    def contender(self) -> Any: ...
    @property
    def ratios(self) -> Mapping[int, float]: ...
    @property
    def churn(self) -> Sequence[float]: ...
    @property
    def matched_churn(self) -> Sequence[float]: ...


def draw_quality(courses: Mapping[str, Sequence[Line]], promotions: Mapping[str, Sequence[int]], path: Path) -> None:
    """Draw the inertia over batch k-means by day, with one panel per population. Ticks mark promoted challengers."""
    figure, axes = plt.subplots(len(courses), 1, figsize=(8, 6.5), layout="constrained")
    for axis, (name, lines) in zip(axes, courses.items(), strict=True):
        for at, line in enumerate(lines):
            days = sorted(line.ratios)
            ratios = [min(line.ratios[day], CEILING) for day in days]
            axis.plot(days, ratios, label=line.contender.name, lw=2.0 if at == 0 else 1.0, zorder=10 - at)
        axis.plot(promotions[name], [1.0] * len(promotions[name]), "k|", ms=12, label="a challenger takes over")
        axis.axhline(1.02, color="grey", lw=0.6, ls=":")
        axis.set(title=TITLES[name], ylim=(0.99, CEILING), ylabel="inertia / batch k-means", xlabel="day")
    axes[0].legend(fontsize=7, ncols=2, loc="upper left")
    _save(figure, path)


def draw_stability(courses: Mapping[str, Sequence[Line]], path: Path) -> None:
    """Draw the customers per day whose label changes because of the model alone, with ids as they are and matched."""
    figure, axes = plt.subplots(1, len(courses), figsize=(9, 3.6), layout="constrained", sharey=True)
    for axis, (name, lines) in zip(axes, courses.items(), strict=True):
        names, places = [line.contender.name for line in lines], np.arange(len(lines))
        axis.barh(places - 0.2, [1000 * np.mean(line.churn) for line in lines], 0.4, label="ids as they are")
        axis.barh(places + 0.2, [1000 * np.mean(line.matched_churn) for line in lines], 0.4, label="ids matched")
        axis.set_yticks(places, names, fontsize=7)
        axis.set_xscale("symlog", linthresh=10)
        axis.set(title=TITLES[name], xlabel="of 1,000 customers per day")
    axes[0].invert_yaxis()
    axes[0].legend(fontsize=7)
    _save(figure, path)


def draw_map(points: NDArray[np.float64], labels: NDArray[np.intp], names: Mapping[int, str], path: Path) -> None:
    """Draw customers on the two main axes of their features, colored by segment. A cross marks a segment's mean."""
    centered = points - points.mean(axis=0)
    _, _, axes = np.linalg.svd(centered, full_matrices=False)
    flat = centered @ axes[:2].T
    shown = np.random.default_rng(0).permutation(len(flat))[:DOTS]
    figure, axis = plt.subplots(figsize=(8, 5), layout="constrained")
    for at, (number, name) in enumerate(names.items()):
        mine = labels == number
        dots = flat[shown][mine[shown]]
        axis.scatter(dots[:, 0], dots[:, 1], s=6, alpha=0.5, color=f"C{at}", label=f"b{number} {name}")
        if mine.any():
            axis.plot(*flat[mine].mean(axis=0), "x", color=f"C{at}", ms=11, mew=3)
    axis.set(xlabel="first main axis", ylabel="second main axis")
    axis.legend(fontsize=7, markerscale=2.5)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    plt.close(figure)
