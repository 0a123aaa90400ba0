"""What the local run shows: a live table in a terminal, plain lines elsewhere."""

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol, TextIO

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from portable.local.listener.access import Access
from portable.quantile import quantiles
from portable.weights import Weights

EQUAL = Weights(1, 1)


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

    def table(self) -> Table:
        """Return the table for a terminal."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for column in self.COLUMNS:
            table.add_column(column, justify="left" if column == "group" else "right", no_wrap=True)
        for cells in self.cells():
            table.add_row(*cells)
        return table


def access_line(access: Access) -> str:
    """Return one line of the access log."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = f"{now} {access.client} {access.method} {access.path} {access.status}"
    line += f" {access.group} {access.target} {access.seconds * 1000:.1f}ms"
    return f"{line} ({access.text})" if access.text else line


class View(Protocol):
    """Where the run reports to."""

    summary: Summary
    on_closed: Callable[[], object]  # called once nobody reads any more what is shown

    def open(self, rows: Sequence[Row], weights: Weights, url: str) -> None:
        """Start to show; what targets wrote before is shown first."""

    def access(self, access: Access) -> None:
        """Show one line of the access log."""

    def notify(self, text: str) -> None:
        """Show one sentence about a target."""

    def output(self, name: str, line: str) -> None:
        """Show a line that a target wrote."""

    def close(self) -> None:
        """Show the table for the last time."""


class PlainView:
    """The access log on standard output, everything else on standard error."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.summary = Summary(())
        self.before: list[str] | None = []
        self.closed = False
        self.on_closed: Callable[[], object] = lambda: None

    def open(self, rows: Sequence[Row], weights: Weights, url: str) -> None:
        """Start to show; what targets wrote before is shown first."""
        self.summary = Summary(rows, weights)
        before, self.before = self.before or [], None
        for line in (*before, f"Listening on {url}"):
            self._tell(line)

    def access(self, access: Access) -> None:
        """Show one line of the access log."""
        self.summary.add(access)
        self._write(sys.stdout, access_line(access))

    def notify(self, text: str) -> None:
        """Show one sentence about a target."""
        self._tell(text)

    def output(self, name: str, line: str) -> None:
        """Show a line that a target wrote."""
        if not self.quiet:
            self._tell(f"{name} | {line}")

    def close(self) -> None:
        """Show the table for the last time."""
        for cells in self.summary.cells():
            columns = zip(Summary.COLUMNS, cells, strict=True)
            self._tell(", ".join(f"{name} {cell}" for name, cell in columns))

    def _tell(self, line: str) -> None:
        # Until the run is up its output is kept: if it fails, one sentence is all that is shown.
        if self.before is not None:
            self.before.append(line)
        else:
            self._write(sys.stderr, line)

    def _write(self, stream: TextIO, line: str) -> None:
        if self.closed:
            return
        try:
            stream.write(line + "\n")
            stream.flush()
        except OSError:  # whoever read it is gone, as in `portable run | head`
            self.closed = True
            # What is still in the stream's buffer would be an error at the end of this process.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
            self.on_closed()


class LiveView:
    """The table at the bottom of a terminal, all lines above it."""

    REFRESHES = 4  # per second

    def __init__(self, quiet: bool, console: Console | None = None) -> None:
        self.quiet = quiet
        self.console = console or Console()
        self.summary = Summary(())
        self.lines: list[Text] = []
        self.footer = ""
        self.live: Live | None = None
        self.on_closed: Callable[[], object] = lambda: None

    def open(self, rows: Sequence[Row], weights: Weights, url: str) -> None:
        """Start to show; what targets wrote before is shown first."""
        self.summary = Summary(rows, weights)
        self.footer = f"Listening on {url} - Ctrl-C stops everything"
        self.live = Live(
            console=self.console,
            get_renderable=self._frame,
            refresh_per_second=self.REFRESHES,
            transient=False,
        )
        self.live.start()

    def access(self, access: Access) -> None:
        """Show one line of the access log."""
        self.summary.add(access)
        colour = "red" if access.status >= 500 else "yellow" if access.status >= 400 else ""
        self.lines.append(Text(access_line(access), colour))

    def notify(self, text: str) -> None:
        """Show one sentence about a target."""
        self._tell(Text(text, "bold"))

    def output(self, name: str, line: str) -> None:
        """Show a line that a target wrote."""
        if not self.quiet:
            self._tell(Text(f"{name} | {line}", "dim"))

    def close(self) -> None:
        """Show the table for the last time."""
        if self.live is not None:
            self.footer = "Stopping"
            # The terminal may be gone, which Rich tells by ending the program.
            with contextlib.suppress(OSError, SystemExit):
                self.live.stop()
            self.live = None

    def _tell(self, line: Text) -> None:
        if self.footer == "Stopping":
            with contextlib.suppress(OSError, SystemExit):
                self.console.print(line)
        else:
            self.lines.append(line)

    def _frame(self) -> Group:
        # All lines since the last frame in one go: a print each would slow the listener down.
        if self.lines and self.live is not None:
            lines, self.lines = self.lines, []
            self.console.print(Text("\n").join(lines))
        return Group(self.summary.table(), Text(self.footer))
