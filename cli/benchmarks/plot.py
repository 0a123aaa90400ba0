"""The plot: each measure's candidates as multiples of its floor, and growth over size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "portable-api"  # the same figures, the same file
from matplotlib import pyplot  # noqa: E402

from benchmarks.measure import Result  # noqa: E402

OURS, OTHERS, FLOOR = "#1b7f5c", "#8c96a3", "#d5dae0"


def write(results: Sequence[Result], path: Path) -> None:
    """Draw `results` to `path`."""
    single = [result for result in results if result.measure.x is None]
    growing: dict[str, list[Result]] = {}
    for result in results:
        if result.measure.x is not None:
            growing.setdefault(result.measure.name, []).append(result)
    heights = [0.9 + 0.3 * len(result.samples) for result in single] + [3.0] * len(growing)
    figure, axes = pyplot.subplots(
        len(heights),
        squeeze=False,
        figsize=(8, sum(heights)),
        height_ratios=heights,
        layout="constrained",
    )
    column = iter(axes[:, 0])
    for result in single:
        bars(next(column), result)
    for series in growing.values():
        lines(next(column), series)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def bars(axis: Any, result: Result) -> None:
    """Draw one bar per candidate: the median ratio, with its quartiles as a whisker."""
    floor = result.measure.floor
    for name in result.samples:
        ratio = result.ratio(name, floor)
        color = FLOOR if name == floor else OURS if name.startswith("ours") else OTHERS
        whisker = [[ratio.median - ratio.low], [ratio.high - ratio.median]]
        axis.barh(name, ratio.median, color=color, xerr=whisker, ecolor="#444444")
        axis.annotate(
            f"{ratio.median:.2f}",
            (ratio.high, name),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
        )
    axis.invert_yaxis()
    axis.set_title(f"{result.measure.title} (x {floor})", loc="left", fontsize=10)
    axis.margins(x=0.12)
    axis.spines[["top", "right"]].set_visible(False)


def lines(axis: Any, series: Sequence[Result]) -> None:
    """Draw one line per candidate, over what grows."""
    places = [result.measure.x for result in series]
    for name in series[0].samples:
        floor, own = name == series[0].measure.floor, name.startswith("ours")
        medians = [result.value(name).median for result in series]
        color = OURS if own else None
        axis.plot(places, medians, "--o" if floor else "-o", markersize=3, color=color, label=name)
    axis.set_title(series[0].measure.title.partition(":")[0] + ": growth", loc="left", fontsize=10)
    axis.set_xlabel(series[0].measure.x_title)
    axis.set_ylabel(series[0].measure.unit)
    axis.set_ylim(0)
    axis.legend(fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)
