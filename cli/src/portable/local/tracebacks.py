"""Tracebacks of Python, as text: where the error was, and what of it is worth reading."""

import os
import re

FRAME = re.compile(r'^[\s|+-]*File "(?P<file>.+?)", line (?P<line>\d+)')
START = "Traceback (most recent call last):"
LIBRARIES = re.compile(r"/site-packages/|/lib/python3|^<")
RUNTIME = re.compile(r"/portable_runtime/")


def place(traceback: str) -> str:
    """Return the innermost line of the app's own code, as in "src/app/main.py, line 3".

    "" where there is none. Of several errors the last one counts.
    """
    found = ""
    for match in filter(None, map(FRAME.match, traceback.splitlines())):
        file = match["file"]
        if not LIBRARIES.search(file) and not RUNTIME.search(file):
            found = f"{os.path.relpath(file)}, line {match['line']}"
    return found


def folded(traceback: str) -> str:
    """Return `traceback` with a count in the place of each run of frames of libraries."""
    kept: list[str] = []
    hidden = 0

    def unfold() -> None:
        nonlocal hidden
        if hidden:
            kept.append(f"  ... {hidden} frame{'' if hidden == 1 else 's'} of libraries")
        hidden = 0

    inside = False  # the lines of code that belong to a hidden frame
    for line in traceback.rstrip().splitlines():
        frame = FRAME.match(line)
        if frame and LIBRARIES.search(frame["file"]):
            hidden, inside = hidden + 1, True
        elif frame is None and inside and line.startswith("    "):
            pass
        else:
            inside = False
            unfold()
            kept.append(line)
    unfold()
    return "\n".join(kept)
