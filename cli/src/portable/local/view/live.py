"""The table at the bottom of a terminal."""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.syntax import Syntax
from rich.text import Text

from portable.local.lines import Detail, parse
from portable.local.listener.access import Access
from portable.local.view.summary import Row, Summary
from portable.weights import Weights

TRACEBACK = Syntax("", "pytb", theme="ansi_dark")


class LiveView:
    """The table at the bottom of a terminal, all lines above it."""

    REFRESHES = 4  # per second
    EVENTS = 4  # that stay in sight

    def __init__(self, detail: Detail = Detail.NORMAL, console: Console | None = None) -> None:
        self.detail = detail
        self.console = console or Console()
        self.summary = Summary(())
        self.lines: list[Text] = []
        self.events: deque[Text] = deque(maxlen=self.EVENTS)
        self.size = self.console.size
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
        self.lines.append(Text(_access_line(access), colour, no_wrap=True, overflow="ellipsis"))

    def notify(self, text: str) -> None:
        """Show one sentence about a target."""
        self._tell(Text(text, "bold"))

    def event(self, text: str) -> None:
        """Show one sentence about the system, and keep it in sight."""
        line = Text(f"{time.strftime('%H:%M:%S')} {text}", "bold")
        self.events.append(line)
        self._tell(line)

    def progress(self, text: str) -> None:
        """Show one sentence about the start, at once."""
        self.console.print(Text(text, "dim"))

    def output(self, name: str, line: str) -> None:
        """Show a line that a target wrote."""
        parsed = parse(line)
        if not parsed.shown(self.detail):
            return
        if self.detail is Detail.VERBOSE:
            self._tell(Text(f"{name} | {line}", "dim"))
            return
        self._tell(Text(f"{name} | {parsed.text}", "dim" if not parsed.traceback else "red"))
        if parsed.traceback:
            self._tell(TRACEBACK.highlight(parsed.traceback))

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
        if self.console.size != self.size:
            # The terminal has wrapped the last frame anew: nobody knows how many lines it has now.
            self.size = self.console.size
            self.console.clear()
        # All lines since the last frame in one go: a print each would slow the listener down.
        if self.lines and self.live is not None:
            lines, self.lines = self.lines, []
            self.console.print(Group(*lines))
        events = (Text.assemble(line, overflow="ellipsis", no_wrap=True) for line in self.events)
        footer = Text(self.footer, no_wrap=True, overflow="ellipsis")
        return Group(self.summary.table(self.console.width), *events, footer)


def _access_line(access: Access) -> str:
    """Return one request as one line, as short as it can be."""
    line = f"{time.strftime('%H:%M:%S')} {access.method} {access.path} {access.status}"
    line += f" {access.group} {access.target} {access.seconds * 1000:.1f}ms"
    return f"{line} ({access.text})" if access.text else line
