"""Two lines over the request rate, drawn with characters."""

import math
from collections.abc import Callable
from dataclasses import dataclass

HEIGHT = 11
_NAME = "requests per second"
_LABELLED = (0, HEIGHT // 2, HEIGHT - 1)


@dataclass(frozen=True)
class Glyphs:
    """What the chart is drawn with."""

    lambda_: str
    fargate: str
    riser: str
    both: str
    axis: str
    floor: str
    corner: str
    here: str


UNICODE = Glyphs("•", "━", "┃", "◆", "│", "─", "└", "▲")
ASCII = Glyphs("*", "=", "#", "@", "|", "-", "+", "^")

Cost = Callable[[float], float]


def chart(
    lambda_: Cost,
    fargate: Cost,
    marks: dict[str, float],
    end: float,
    width: int = 90,
    glyphs: Glyphs = UNICODE,
) -> list[str]:
    """Return the lines of a chart of both costs (USD) from 0 to `end` requests per second.

    `marks` are rates to point at below the axis, by name; the chart is `width` columns wide.
    """
    top = nice(max(lambda_(end), fargate(end), lambda_(0), fargate(0)))
    labels = {level: f"{top * level / (HEIGHT - 1):,.15g}" for level in _LABELLED}
    margin = max(len(label) for label in labels.values()) + 3
    columns = max(width - margin - 1, 20)
    rates = [end * column / (columns - 1) for column in range(columns)]

    def row(usd: float) -> int:
        return round(usd / top * (HEIGHT - 1))

    grid = [[" "] * columns for _ in range(HEIGHT)]
    before = row(fargate(0))
    for column, rate in enumerate(rates):
        level = row(fargate(rate))
        for between in range(before + 1, level):
            grid[between][column] = glyphs.riser
        grid[level][column] = glyphs.fargate
        before = level
    for column, rate in enumerate(rates):
        level = row(lambda_(rate))
        taken = grid[level][column] != " "
        grid[level][column] = glyphs.both if taken else glyphs.lambda_
    lines = [
        f"{labels.get(level, ''):>{margin - 1}} {glyphs.axis}{''.join(cells)}".rstrip()
        for level, cells in reversed(list(enumerate(grid)))
    ]
    lines.append(" " * margin + glyphs.corner + glyphs.floor * columns)
    scale = "0" + _NAME.center(columns)[1 : columns - len(f"{end:,g}")] + f"{end:,g}"
    below = [scale, *_pointers(marks, end, columns, glyphs.here)]
    below.append(
        f"{glyphs.lambda_} Lambda alone   {glyphs.fargate} Fargate alone   {glyphs.both} both"
    )
    return lines + [" " * (margin + 1) + line for line in below]


def nice(number: float) -> float:
    """Return a round number that is not below `number`, and 1 for 0."""
    if number <= 0:
        return 1
    power: float = 10 ** math.floor(math.log10(number))
    return next(
        step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= number
    )


def _pointers(marks: dict[str, float], end: float, columns: int, here: str) -> list[str]:
    lines = []
    for name, rate in marks.items():
        if 0 <= rate <= end:
            column = round(rate / end * (columns - 1))
            text = f"{here} {name}"
            if column + len(text) > columns:
                text = f"{name} {here}"
                column -= len(text) - 1
            lines.append(" " * column + text)
    return lines
