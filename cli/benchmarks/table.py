"""Results as tables for a terminal."""

from collections.abc import Iterator

from rich.table import Table

from benchmarks.measure import Result, Spread, figure

COLUMNS = ("candidate", "median", "quartiles", "x floor", "quartiles")


def terminal(result: Result) -> Table:
    """Return the table of one result for rich."""
    table = Table(title=result.measure.title, title_justify="left", title_style="bold")
    for number, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if number else "left")
    for row in rows(result):
        table.add_row(*row)
    return table


def rows(result: Result) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each candidate."""
    unit, floor = result.measure.unit, result.measure.floor
    for name in result.samples:
        value, ratio = result.value(name), result.ratio(name, floor)
        title = f"{name} (floor)" if name == floor else name
        median = f"{figure(value.median)} {unit}"
        yield (title, median, _quartiles(value), f"{ratio.median:.2f}", _quartiles(ratio, ".2f"))


def goals(result: Result) -> Iterator[tuple[str, bool]]:
    """Yield a sentence on each goal of the result, and whether it is reached."""
    for goal in result.measure.goals:
        reached = result.reached(goal)
        yield f"{goal.sentence(result)}: {'reached' if reached else 'missed'}.", reached


def _quartiles(value: Spread, digits: str = "") -> str:
    return " - ".join(
        format(number, digits) if digits else figure(number) for number in (value.low, value.high)
    )
