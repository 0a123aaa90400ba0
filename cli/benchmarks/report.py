"""cli/docs/performance.md, its plot, and the figures as JSON."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import table
from benchmarks.lambda_forms import ROOT
from benchmarks.measure import Result

FOLDER = ROOT / "cli/benchmarks/results"
INTRODUCTION = """\
# Performance

What the project costs, next to what one would pick instead and to the floor below both. `make
bench` measured it and wrote this page.

*The tutorial form* is what a tutorial gives (`cli/benchmarks/tutorial`): `app = FastAPI()` with one
route and `handler = Mangum(app)`. *ours* is the same app as this project runs it; *ours, the
project's app* is the app of `src/portable_runtime`, which also writes a line per request.

The candidates of a table were sampled in turn, so that a busy machine hits all of them. *x floor*
is the median of the ratios to the floor, each of two samples of one round. Only ratios can be
compared with those of another machine. The quartiles hold half of the figures.
"""


def page(results: Sequence[Result], conditions: Mapping[str, str], date: str) -> str:
    """Return the page in Markdown."""
    parts = [INTRODUCTION]
    parts.append("![The candidates of each measure, as multiples of its floor](performance.svg)\n")
    parts.append("| measured on | |\n| --- | --- |")
    parts += [f"| {name} | {value} |" for name, value in {"date": date, **conditions}.items()]
    how = ""
    for result in results:
        parts.append(f"\n## {result.measure.title}\n")
        if result.measure.how != how:
            how = result.measure.how
            parts.append(f"{how}\n")
        rounds = len(next(iter(result.samples.values())))
        command = f'make bench ARGS="--only {result.measure.name}"'
        parts.append(f"{table.markdown(result)}\n\n{rounds} rounds of `{command}`.")
        parts += [f"\n{sentence}" for sentence, _ in table.goals(result)]
    return "\n".join(parts) + "\n"


def write(results: Sequence[Result], conditions: Mapping[str, str]) -> None:
    """Write the page and its plot into docs/."""
    from benchmarks import plot  # which needs matplotlib: the tests do without

    date = datetime.now(UTC).date().isoformat()
    (ROOT / "cli/docs/performance.md").write_text(page(results, conditions, date))
    plot.write(results, ROOT / "cli/docs/performance.svg")


def write_json(results: Sequence[Result], conditions: Mapping[str, str]) -> Path:
    """Write all samples; return the file's path from the top of the project."""
    measures = [
        {
            "name": result.measure.name,
            "title": result.measure.title,
            "unit": result.measure.unit,
            "floor": result.measure.floor,
            "x": result.measure.x,
            "samples": result.samples,
        }
        for result in results
    ]
    moment = datetime.now(UTC)
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{moment:%Y%m%d-%H%M%S}.json"
    content = {"time": moment.isoformat(), "conditions": conditions, "measures": measures}
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path.relative_to(ROOT)
