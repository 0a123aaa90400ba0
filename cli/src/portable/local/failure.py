"""What a target died of, from the lines that it wrote."""

from collections.abc import Iterable
from dataclasses import dataclass

from portable.errors import PortableError
from portable.local.lines import Kind, parse
from portable.local.tracebacks import START, place


@dataclass(frozen=True)
class Failure:
    """An error in one line, and the place in the app's code, as in "src/app/main.py, line 3"."""

    error: str
    place: str = ""

    @property
    def kind(self) -> str:
        """The name of the exception, "" where there was none."""
        name, colon, _ = self.error.partition(":")
        return name if colon and " " not in name else ""

    def __str__(self) -> str:
        return f"{self.error} ({self.place})" if self.place else self.error


class StartError(PortableError):
    """A side does not start; `failure` is what it died of, if it said so."""

    def __init__(self, message: str, failure: Failure | None = None) -> None:
        super().__init__(message)
        self.failure = failure


def failure(lines: Iterable[str]) -> Failure:
    """Return what a target died of that wrote `lines` at the end of its life."""
    parsed = [line for line in map(parse, lines) if line.message.strip() or line.traceback]
    tracebacks = [line.traceback for line in parsed if line.traceback]
    own = [line.message for line in parsed if line.kind is not Kind.RUNTIME]
    text = tracebacks[-1] if tracebacks else "\n".join(own).strip() or "it wrote nothing"
    start = text.rfind(START)
    where = place(text[start:]) if start >= 0 else ""
    return Failure(text.splitlines()[-1].strip().rstrip("."), where)
