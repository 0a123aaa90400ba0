"""What `split` shows: a progress bar, a table, a chart and a sentence, or one JSON object."""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from portable.split.verdict import FITS, Split, counted
from portable.weights import SIDES

COLUMNS = ("group", "weight", "expected", "share", "interval", "requests", "errors")
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
MAX_BAR = 60


@dataclass(frozen=True)
class Report:
    """A finished or interrupted measurement; `requests` were asked for, in `seconds`."""

    url: str
    requests: int
    concurrency: int
    seconds: float
    source: str
    interrupted: bool
    split: Split


@contextlib.contextmanager
def progress(total: int, stream: TextIO) -> Iterator[Callable[[], None]]:
    """Show a bar on `stream` while in the block, if it is a terminal; yields what moves it on."""
    columns = (TextColumn("requests"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(file=stream)
    with Progress(*columns, console=console, transient=True, disable=not stream.isatty()) as bar:
        task = bar.add_task("requests", total=total)
        yield lambda: bar.advance(task)


def show(report: Report, console: Console) -> None:
    """Print who answered, how that compares to the weights, and the verdict."""
    split = report.split
    done = counted(split.tally.requests, "request")
    if report.interrupted:
        done = f"Stopped after {split.tally.requests} of {counted(report.requests, 'request')}"
    rate = f"{report.concurrency} at a time, {report.seconds:.1f} s"
    console.print(Text(f"{report.url}: {done}, {rate}"), soft_wrap=True)
    console.print(Text(f"expected: {split.weights}, from {report.source}"), soft_wrap=True)
    upright = table(split)
    width = console.measure(upright, options=console.options.update(width=1000)).maximum
    console.print(upright if width <= console.width else transposed(split))
    for line in chart(split, min(MAX_BAR, console.width - 20), console.options.ascii_only):
        console.print(Text(line), soft_wrap=True)
    console.print()
    for line in unaccounted(split):
        console.print(Text(line), soft_wrap=True)
    verdict = split.verdict
    style = "green" if verdict.kind == FITS else "red"
    console.print(Text(verdict.sentence, style), soft_wrap=not console.is_terminal)


def titles(split: Split) -> tuple[str, ...]:
    """Return what the cells of a row mean."""
    interval = f"{split.confidence * 100:g}% interval"
    return tuple(interval if name == "interval" else name for name in (*COLUMNS, *QUANTILES))


def table(split: Split) -> Table:
    """Return one row per side."""
    return _table(titles(split), [cells(split, side) for side in SIDES])


def transposed(split: Split) -> Table:
    """Return one column per side, for a narrow terminal."""
    names, *rows = zip(titles(split), *(cells(split, side) for side in SIDES), strict=True)
    return _table(names, rows)


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for number, name in enumerate(names):
        made.add_column(name, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        made.add_row(*row)
    return made


def cells(split: Split, side: str) -> tuple[str, ...]:
    """Return the row of `side` as text."""
    tally = split.tally.sides[side]
    share, interval = split.share(side), split.interval(side)
    between = "exact" if split.is_exact else "-"
    if interval:
        low, high = map(split.percent, interval)
        between = f"{low.rstrip('%')}-{high}"
    return (
        side,
        str(split.weights.of(side)),
        split.percent(split.weights.share(side)),
        "-" if share is None else split.percent(share),
        between,
        str(tally.requests),
        str(tally.errors),
        *map(_milliseconds, tally.quantiles(*QUANTILES.values())),
    )


def _milliseconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    value = seconds * 1000
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms"


@dataclass(frozen=True)
class Glyphs:
    """What the chart is drawn with; `parts` are fractions of a cell, from the smallest."""

    full: str
    parts: str
    start: str
    line: str
    end: str
    expected: str


BLOCKS = Glyphs("█", "▏▎▍▌▋▊▉", "├", "─", "┤", "▲")
ASCII = Glyphs("#", "", "|", "-", "|", "^")


def chart(split: Split, width: int, ascii_only: bool) -> list[str]:
    """Return the lines of a bar per side, `width` characters for 100%, marks below each."""
    glyphs = ASCII if ascii_only else BLOCKS
    width = max(width, 10)
    lines = []
    for side in SIDES:
        share = split.share(side)
        text = "-" if share is None else split.percent(share)
        lines.append(f" {side:8}{_bar(share or 0, width, glyphs)} {text}".rstrip())
        lines.append(f" {'':8}{_marks(split, side, width, glyphs)}".rstrip())
    legend = f"{glyphs.full} observed   {glyphs.expected} expected"
    if split.interval(SIDES[0]):
        interval = f"{glyphs.start}{glyphs.line}{glyphs.end}"
        legend += f"   {interval} {split.confidence * 100:g}% interval"
    return [*lines, f" {'':8}{legend}"]


def _bar(share: float, width: int, glyphs: Glyphs) -> str:
    # In steps as small as the glyphs allow; what rounds to nothing but is not has one step.
    steps = len(glyphs.parts) + 1
    filled = max(round(share * width * steps), 1 if share else 0)
    cells, rest = divmod(filled, steps)
    return glyphs.full * cells + (glyphs.parts[rest - 1] if rest else "")


def _marks(split: Split, side: str, width: int, glyphs: Glyphs) -> str:
    marks = [" "] * width

    def place(share: float) -> int:
        return min(int(share * width), width - 1)

    if interval := split.interval(side):
        low, high = map(place, interval)
        marks[low : high + 1] = glyphs.line * (high - low + 1)
        marks[low], marks[high] = glyphs.start, glyphs.end
    marks[place(split.weights.share(side))] = glyphs.expected
    return "".join(marks)


def unaccounted(split: Split) -> list[str]:
    """Return a line for each way in which requests went to no known side."""
    tally = split.tally
    counts = (
        ("unknown", "answer names no side", "answers name no side", tally.unknown),
        ("nobody", "error names no side", "errors name no side", tally.nobody),
        ("failed", "request got no answer", "requests got no answer", tally.failures),
    )
    lines = []
    for name, singular, plural, kinds in counts:
        number = sum(kinds.values())
        detail = ", ".join(f"{kind}: {count}" for kind, count in kinds.most_common())
        if number:
            lines.append(f"{name}: {number} {singular if number == 1 else plural} ({detail})")
    return lines


def write_json(report: Report, stream: TextIO) -> None:
    """Write the same as one JSON object: shares from 0 to 1, times in seconds."""
    split, tally = report.split, report.split.tally
    sides = {}
    for side in SIDES:
        counts = tally.sides[side]
        quantiles = counts.quantiles(*QUANTILES.values())
        sides[side] = {
            "weight": split.weights.of(side),
            "expected": split.weights.share(side),
            "share": split.share(side),
            "interval": split.interval(side),
            "requests": counts.requests,
            "errors": counts.errors,
            **dict(zip(QUANTILES, quantiles, strict=True)),
        }
    verdict = split.verdict
    result = {
        "url": report.url,
        "requests": tally.requests,
        "interrupted": report.interrupted,
        "seconds": report.seconds,
        "source": report.source,
        "confidence": split.confidence,
        "sides": sides,
        "unknown": dict(tally.unknown),
        "nobody": dict(tally.nobody),
        "failures": dict(tally.failures),
        "under_way": tally.under_way,
        "fits": verdict.kind == FITS,
        "verdict": verdict.kind,
        "sentence": verdict.sentence,
    }
    stream.write(json.dumps(result) + "\n")
