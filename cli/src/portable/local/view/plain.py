"""Plain lines, for where the output is no terminal."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TextIO

from portable.local.lines import Detail, parse
from portable.local.listener.access import Access
from portable.local.view.summary import Row, Summary
from portable.weights import Weights


def access_line(access: Access) -> str:
    """Return one line of the access log."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = f"{now} {access.client} {access.method} {access.path} {access.status}"
    line += f" {access.group} {access.target} {access.seconds * 1000:.1f}ms"
    return f"{line} ({access.text})" if access.text else line


class PlainView:
    """The access log on standard output, everything else on standard error."""

    def __init__(self, detail: Detail = Detail.NORMAL) -> None:
        self.detail = detail
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

    def event(self, text: str) -> None:
        """Show one sentence about the system."""
        self._tell(text)

    def progress(self, text: str) -> None:
        """Show one sentence about the start, at once."""
        self._write(sys.stderr, text)

    def output(self, name: str, line: str) -> None:
        """Show a line that a target wrote."""
        parsed = parse(line)
        if not parsed.shown(self.detail):
            return
        if self.detail is Detail.VERBOSE:
            self._tell(f"{name} | {line}")
            return
        for part in (*parsed.text.splitlines(), *parsed.traceback.splitlines()):
            self._tell(f"{name} | {part}")

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
