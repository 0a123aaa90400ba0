"""What a page tells to write, written: its blocks of code, applied to a copy of the project.

The line before a block says where it belongs, as in

    `src/app/worker.py`, a new file:
    `data/template.yaml`, under `AppPolicy.Properties`:     the keys or items of a mapping or a list
    `Dockerfile`, in place of `ARG AWS_SERVICES`:           the line that begins so
    `pyproject.toml`, after `dependencies = [`:             the line that begins so

A block with another line before it is there to be read.
"""

import re
from pathlib import Path

BLOCK = re.compile(
    r"^`(?P<path>[\w./-]+)`, (?P<how>a new file|under|in place of|after)"
    r"(?: `(?P<place>[^`]+)`)?[^\n]*:\n\n```\w+\n(?P<text>.*?)^```$",
    re.M | re.S,
)


def apply(page: str, folder: Path) -> list[str]:
    """Apply the blocks of `page` to the project in `folder`; return the files, in their order.

    Raises ValueError for a place that a file does not have.
    """
    changed = []
    for found in BLOCK.finditer(page):
        path = folder / found["path"]
        if found["how"] == "a new file":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(found["text"])
        else:
            lines = path.read_text().splitlines()
            if found["how"] == "under":
                _under(lines, found["place"], found["text"])
            else:
                [number] = [n for n, line in enumerate(lines) if _begins(line, found["place"])]
                new = _indented(found["text"], _indent(lines[number]))
                lines[number : number + 1] = (
                    new if found["how"] == "in place of" else [lines[number], *new]
                )
            path.write_text("\n".join(lines) + "\n")
        changed.append(found["path"])
    return changed


def _begins(line: str, place: str) -> bool:
    return line.strip().startswith(place)


def _under(lines: list[str], place: str, text: str) -> None:
    """Insert `text` as the first thing below the keys of `place`, which a dot separates."""
    number, depth = -1, -1
    for key in place.split("."):
        for index, line in enumerate(lines[number + 1 :], number + 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            if _indent(line) <= depth:
                raise ValueError(f"there is no {key!r} of {place!r}")
            if _begins(line, f"{key}:"):
                number, depth = index, _indent(line)
                break
        else:
            raise ValueError(f"there is no {key!r} of {place!r}")
    lines[number + 1 : number + 1] = _indented(text, depth + 2)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _indented(text: str, by: int) -> list[str]:
    return [" " * by + line if line else line for line in text.splitlines()]
