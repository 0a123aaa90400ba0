"""The chart: what each measure's candidate takes, as a multiple of the alternative."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "portable-api"  # the same figures, the same file
matplotlib.rcParams["svg.fonttype"] = "none"  # letters stay letters: a file that can be read
from matplotlib import pyplot  # noqa: E402

from benchmarks.measure import Goal, Result  # noqa: E402

BETTER, WORSE = "#1b7f5c", "#b4552d"


def write(results: Sequence[Result], path: Path) -> None:
    """Draw the last goal of each of `results`, which is the alternative's, to `path`."""
    names, ratios = [], []
    for result in results:
        goals = [goal for goal in result.measure.goals if isinstance(goal, Goal)]
        if goals:
            names.append(f"{result.measure.title} / {goals[-1].against}")
            ratios.append(goals[-1].measured(result))
    figure, axis = pyplot.subplots(figsize=(9, 0.6 + 0.26 * len(names)), layout="constrained")
    bars = axis.barh(names, ratios, color=[BETTER if r <= 1 else WORSE for r in ratios], height=0.7)
    axis.bar_label(bars, fmt="%.2f", padding=4, fontsize=8)
    axis.axvline(1, color="#444444", linewidth=0.8)
    axis.invert_yaxis()
    axis.margins(x=0.08)
    axis.tick_params(axis="y", labelsize=8, length=0)
    axis.set_xticks([0, 0.5, 1])
    axis.spines[["top", "right", "left"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
