"""The lines that targets write, and which of them are worth showing."""

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from portable.local.tracebacks import START, folded


class Detail(Enum):
    """How much of what the targets write is shown."""

    QUIET = "nothing"
    NORMAL = "what the app prints and logs, and errors"
    VERBOSE = "every line as it is"


class Kind(Enum):
    """What a line is."""

    TEXT = "what the app printed"
    RECORD = "a record of the log"
    REQUEST = "the record of a request, which the access log has, too"
    RUNTIME = "what the server, the runtime client or the emulator says of itself"


# What the emulator writes on its own account, and what the runtime client adds to every error.
EMULATOR = re.compile(r"\[(ERROR|WARNING|INFO)\] \(rapid\)|\d{4}/\d\d/\d\d .*\(rapid\)")
ADVICE = "LAMBDA_WARNING: Unhandled exception."
KNOWN = frozenset(
    (
        *("timestamp", "level", "message", "target", "version", "logger"),
        *("request_id", "trace_id", "span_id"),
        *("requestId", "exception", "errorType", "errorMessage", "stackTrace"),
    )
)


@dataclass(frozen=True)
class Line:
    """One line: its kind, its text for a person, and its traceback, if it has one.

    `message` is the text without level and logger.
    """

    kind: Kind
    text: str
    message: str
    traceback: str = ""

    def shown(self, detail: Detail) -> bool:
        """Whether the line is shown with this `detail`."""
        if detail is Detail.NORMAL:
            return self.kind in (Kind.TEXT, Kind.RECORD)
        return detail is Detail.VERBOSE


def parse(text: str) -> Line:
    """Return what the line `text` of a target is."""
    try:
        record = json.loads(text)
    except ValueError:
        return Line(Kind.RUNTIME if EMULATOR.search(text) else Kind.TEXT, text, text)
    if not isinstance(record, dict) or not {"level", "exception"} & record.keys():
        return Line(Kind.TEXT, text, text)
    if {"method", "path", "status", "duration_ms"} <= record.keys():
        return Line(Kind.REQUEST, text, "")
    message, traceback = str(record.get("message", "")).strip(), _traceback(record)
    if "errorType" in record:  # as the runtime client reports what a handler raised
        message = f"{record['errorType']}: {record.get('errorMessage')}"
    elif message.startswith(START):  # as uvicorn reports a lifespan that fails
        message, traceback = message.splitlines()[-1], folded(message)
    if message.startswith(ADVICE):
        return Line(Kind.RUNTIME, text, "")
    if record.get("logger") == "uvicorn.error" and record.get("level") == "INFO":
        return Line(Kind.RUNTIME, text, message)
    return Line(Kind.RECORD, _words(record, message), message, traceback)


def _words(record: dict[str, Any], message: str) -> str:
    """Return a record as a person reads it."""
    others = [f"{key}={value}" for key, value in record.items() if key not in KNOWN]
    logger = record.get("logger")
    level = record.get("level", "ERROR")
    head = f"{level}:" if logger in (None, "root") else f"{level} {logger}:"
    return " ".join((head, message, *others))


def _traceback(record: dict[str, Any]) -> str:
    if record.get("errorType") == "SettingsError":
        return ""  # the sentence names the variable, which no line of the code does
    text = record.get("exception")
    if not text and record.get("stackTrace"):
        frames = record["stackTrace"]
        text = "".join(map(str, frames)) if isinstance(frames, list) else str(frames)
        last = f"{record.get('errorType')}: {record.get('errorMessage')}"
        text = f"{START}\n{text.rstrip()}\n{last}"
    return folded(str(text)) if text else ""
