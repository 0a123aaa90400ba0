"""cli/docs/performance.md: one table, one chart, and every figure of the run in a data file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.lambda_forms import ROOT
from benchmarks.measure import Result

DOCS = ROOT / "cli/docs"
FOLDER = ROOT / "cli/benchmarks/results"
INTRODUCTION = """\
# Performance

What the project costs, next to what one would pick instead. `make bench` measured it and wrote this
page; `performance.json` has every figure of that run.

*The tutorial form* is what a tutorial gives (`cli/benchmarks/tutorial`): `app = FastAPI()` with one
route and `handler = Mangum(app)`, or `fastapi run`. *ours* is the same app as this project runs it;
*ours, the project's app* is the app of `src/app`, which also writes a line per request.

The candidates of a measure are sampled in turn, so that a busy machine hits all of them. A ratio
is the median of the ratios of one round each. Only ratios can be compared with those of another
machine.

![Ours, as a multiple of the alternative](performance.svg)
"""
COLUMNS = ("measure", "candidate", "against", "ratio", "goal", "")


def page(results: Sequence[Result], conditions: Mapping[str, str], date: str) -> str:
    """Return the page in Markdown."""
    lines = [COLUMNS, ("---", "---", "---", "---:", "---:", "---"), *rows(results)]
    parts = [INTRODUCTION, *(f"| {' | '.join(line)} |" for line in lines)]
    described = ", ".join(f"{name} {value}" for name, value in conditions.items())
    parts.append(f"\nMeasured on {date}: {described}.\n\n## How\n")
    seen: dict[str, list[str]] = {}
    for result in results:
        names = seen.setdefault(result.measure.how, [])
        if result.measure.name not in names:
            names.append(result.measure.name)
    for how, names in seen.items():
        parts.append(f"- {', '.join(f'`{name}`' for name in names)}: {' '.join(how.split())}")
    parts.append('\n`make bench ARGS="--only NAME"` runs one of them alone.')
    return "\n".join(parts) + "\n"


def rows(results: Sequence[Result]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each goal: what was compared, and what came out."""
    for result in results:
        for goal in result.measure.goals:
            verdict = "reached" if result.reached(goal) else "**missed**"
            yield (result.measure.title, *goal.cells(result), verdict)


def write(results: Sequence[Result], conditions: Mapping[str, str]) -> None:
    """Write the page, its chart and its data into docs/."""
    from benchmarks import plot  # which needs matplotlib: the tests do without

    date = datetime.now(UTC).date().isoformat()
    (DOCS / "performance.md").write_text(page(results, conditions, date))
    plot.write(results, DOCS / "performance.svg")
    content = data(results, {"date": date, **conditions})
    (DOCS / "performance.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


def write_json(results: Sequence[Result], conditions: Mapping[str, str]) -> Path:
    """Write all samples of this run; return the file's path from the top of the project."""
    moment = datetime.now(UTC)
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{moment:%Y%m%d-%H%M%S}.json"
    content = data(results, {"time": moment.isoformat(), **conditions})
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path.relative_to(ROOT)


def data(results: Sequence[Result], conditions: Mapping[str, str]) -> dict[str, Any]:
    """Return every figure, with four digits that count."""
    measures = [
        {
            "name": result.measure.name,
            "title": result.measure.title,
            "unit": result.measure.unit,
            "floor": result.measure.floor,
            "x": result.measure.x,
            "samples": {
                name: [float(f"{sample:.4g}") for sample in samples]
                for name, samples in result.samples.items()
            },
        }
        for result in results
    ]
    return {"conditions": conditions, "measures": measures}
