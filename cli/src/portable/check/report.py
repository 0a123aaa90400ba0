"""The outcome of the checks, as a table and as data."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from portable.check.outcome import Outcome, Status
from portable.manifests.problem import Problem, Severity

MARKS = {
    Status.PASSED: Text("✔", "green"),
    Status.WARNED: Text("!", "yellow"),
    Status.FAILED: Text("✘", "red"),
    Status.SKIPPED: Text("-", "dim"),
}


def table(outcomes: Sequence[Outcome]) -> Table:
    """Return one row for each check: a tick, or its problems with what mends them."""
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    rows.add_column("")
    rows.add_column("check", no_wrap=True)
    rows.add_column("what was looked at, or what is wrong", overflow="fold")
    for outcome in outcomes:
        rows.add_row(MARKS[outcome.status], outcome.check, _cell(outcome))
    return rows


def _cell(outcome: Outcome) -> RenderableType:
    if outcome.skipped:
        return Text("not looked at: see above", "dim")
    if not outcome.problems:
        return Text(outcome.what, "dim")
    return Group(*map(_problem, outcome.problems))


def _problem(problem: Problem) -> Text:
    warning = problem.severity is Severity.WARNING
    text = Text.assemble(("Warning: " if warning else "", "yellow"), problem.text)
    if problem.fix:
        text.append(f"\n→ {problem.fix}", "bold")
    return text


def count(outcomes: Sequence[Outcome], severity: Severity) -> int:
    """Return how many problems are of this severity."""
    return sum(problem.severity is severity for outcome in outcomes for problem in outcome.problems)


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the last line."""
    faults, warnings = (count(outcomes, severity) for severity in Severity)
    parts = [f"{faults} fault{'s' * (faults != 1)}", f"{warnings} warning{'s' * (warnings != 1)}"]
    return f"{len(outcomes)} checks: {', '.join(parts)}."


def show(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print the table and the last line."""
    console.print(table(outcomes))
    console.print(summary(outcomes), highlight=False)


def data(environments: Sequence[str], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the same as one object."""
    return {
        "environments": list(environments),
        "faults": count(outcomes, Severity.FAULT),
        "warnings": count(outcomes, Severity.WARNING),
        "checks": [
            {
                "check": outcome.check,
                "status": outcome.status.value,
                "problems": [
                    {"severity": item.severity.value, "text": item.text, "fix": item.fix}
                    for item in outcome.problems
                ],
            }
            for outcome in outcomes
        ],
    }
