"""The table of a local run: one row per target group."""

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from rich import box
from rich.table import Table

from portable.local.listener.access import Access
from portable.quantile import quantiles
from portable.weights import Weights

EQUAL = Weights(1, 1)
GAP = 2  # columns between two cells


class Row(Protocol):
    """A target group, as the table needs it."""

    name: str

    @property
    def targets(self) -> str:
        """How many targets are healthy, as in "2 of 2"."""


class Counters:
    """Requests, errors and the latest latencies of one target group."""

    def __init__(self) -> None:
        self.requests = 0
        self.before = 0  # of these, before the weights changed for the last time
        self.errors = 0  # 5xx, whoever answered
        self.seconds: deque[float] = deque(maxlen=1000)

    def add(self, access: Access) -> None:
        """Count one request."""
        self.requests += 1
        self.errors += access.status >= 500
        self.seconds.append(access.seconds)

    def quantile(self, share: float) -> str:
        """Return this quantile of the latest 1,000 latencies in milliseconds."""
        found = next(quantiles(self.seconds, share))
        if found is None:
            return "-"
        milliseconds = found * 1000
        return f"{milliseconds:.0f} ms" if milliseconds >= 100 else f"{milliseconds:.1f} ms"


class Summary:
    """The table: one row per target group, with its weight on the listener."""

    COLUMNS = ("group", "weight", "expected", "share", "requests", "5xx", "p50", "p95", "healthy")
    LEAST = (
        "p50",
        "expected",
        "p95",
        "weight",
        "5xx",
        "share",
    )  # what a narrow terminal leaves out

    def __init__(self, rows: Sequence[Row], weights: Weights = EQUAL) -> None:
        self.rows = rows
        self.weights = weights
        self.counters = {row.name: Counters() for row in rows}
        self.others = 0  # answered by the listener itself

    def add(self, access: Access) -> None:
        """Count one request."""
        if access.group in self.counters:
            self.counters[access.group].add(access)
        else:
            self.others += 1

    def weights_changed(self, weights: Weights) -> None:
        """Show `weights`, and count the shares from here on."""
        self.weights = weights
        for counters in self.counters.values():
            counters.before = counters.requests

    def cells(self) -> list[tuple[str, ...]]:
        """Return the rows of the table as text; shares are those since the weights changed."""
        total = sum(counters.requests - counters.before for counters in self.counters.values())
        cells: list[tuple[str, ...]] = []
        for row in self.rows:
            counters = self.counters[row.name]
            cells.append(
                (
                    row.name,
                    str(self.weights.of(row.name)),
                    f"{self.weights.share(row.name):.1%}",
                    f"{(counters.requests - counters.before) / total:.1%}" if total else "-",
                    str(counters.requests),
                    str(counters.errors),
                    counters.quantile(0.5),
                    counters.quantile(0.95),
                    row.targets,
                )
            )
        return cells

    def table(self, width: int) -> Table:
        """Return the table for a terminal of `width` columns: whole columns, as many as fit."""
        rows = list(zip(self.COLUMNS, *self.cells(), strict=True))
        for least in self.LEAST:
            if sum(max(map(len, cells)) for cells in rows) + GAP * len(rows) <= width:
                break
            rows = [cells for cells in rows if cells[0] != least]
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for column, *_ in rows:
            table.add_column(column, justify="left" if column == "group" else "right", no_wrap=True)
        for cells in zip(*(cells for _, *cells in rows), strict=True):
            table.add_row(*cells)
        return table
