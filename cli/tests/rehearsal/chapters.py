"""The commands of the README's chapters, as they are printed there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()


def text(chapter: str) -> str:
    """Return what stands under the heading `chapter`, up to the next one of its level."""
    (found,) = re.findall(rf"^## {re.escape(chapter)}\n(.*?)(?=^## |\Z)", README, re.M | re.S)
    return str(found)


def commands(chapter: str) -> list[str]:
    """Return the lines of the shell blocks of a chapter, without their comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text(chapter), re.MULTILINE | re.DOTALL)
    lines = [re.split(r"\s+#", line)[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def mentioned(chapter: str, *words: str) -> str:
    """Return the one command in the prose of a chapter that has all the `words`.

    Raises ValueError where the chapter has none or more than one.
    """
    prose = re.sub(r"^```.*?^```$", "", text(chapter), flags=re.MULTILINE | re.DOTALL)
    spans = {" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)}
    (found,) = [span for span in spans if all(word in span for word in words)]
    return found
