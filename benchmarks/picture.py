"""A map of segments: customers in the two directions in which they differ most."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

from benchmarks.learned import Learned
from stream_seg.contracts.model import number_of

SHOWN = 1_500
INCHES = (8.0, 6.0)
DOTS_PER_INCH = 100


def draw_map(last: Learned, path: Path) -> None:
    """Draw the customers of the last day as dots, and the centers of their segments with names."""
    mpl.use("Agg")
    from matplotlib import pyplot

    assert last.active is not None
    model = last.active.to_model()
    points = np.clip(model.scaled(last.day.rows), -4.0, 4.0)
    best = model.assign(last.day.rows).best
    middle = points.mean(axis=0)
    _, _, directions = np.linalg.svd(points - middle, full_matrices=False)
    plane = directions[:2].T * np.sign(directions[:2].sum(axis=1))
    shown = np.random.default_rng(0).permutation(len(points))[:SHOWN]
    flat, centers = (points - middle) @ plane, (model.centroids - middle) @ plane
    figure, axes = pyplot.subplots(figsize=INCHES, dpi=DOTS_PER_INCH)
    colors = mpl.colormaps["tab10"]
    axes.scatter(*flat[shown].T, s=5, c=[colors(at % 10) for at in best[shown]], alpha=0.5, linewidths=0)
    for segment, (x, y) in zip(last.active.segments, centers, strict=True):
        color = colors(number_of(segment.id) % 10)
        shares = f"{segment.share:.0%} of customers, {segment.revenue_share or 0.0:.0%} of revenue"
        axes.scatter(x, y, s=170, color=color, edgecolors="white", label=f"{segment.name}: {shares}")
        axes.annotate(segment.id, (x, y), ha="center", va="center", fontsize=7, color="white", weight="bold")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=2, fontsize=7, frameon=False, markerscale=0.5)
    for along, name in ((0, axes.set_xlabel), (1, axes.set_ylabel)):
        strongest = np.argsort(-np.abs(plane[:, along]))[:3]
        words = [f"{'more' if plane[i, along] > 0 else 'less'} {model.features[i]}" for i in strongest]
        name(f"{', '.join(words)} →", fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    pyplot.close(figure)
