"""Where a local run reports to."""

from collections.abc import Callable, Sequence
from typing import Protocol

from portable.local.listener.access import Access
from portable.local.view.summary import Row, Summary
from portable.weights import Weights


class View(Protocol):
    """Where the run reports to."""

    summary: Summary
    on_closed: Callable[[], object]  # called once nobody reads any more what is shown

    def open(self, rows: Sequence[Row], weights: Weights, url: str) -> None:
        """Start to show; what was said before is shown first."""

    def access(self, access: Access) -> None:
        """Show one line of the access log."""

    def notify(self, text: str) -> None:
        """Show one sentence about a target."""

    def event(self, text: str) -> None:
        """Show one sentence about the system, such as on its weights, and keep it in sight."""

    def progress(self, text: str) -> None:
        """Show one sentence about the start, while there is nothing else to see."""

    def output(self, name: str, line: str) -> None:
        """Show a line that a target wrote."""

    def close(self) -> None:
        """Show the table for the last time."""
