"""Durations as they are written on the command line: `90s`, `5m`, `1h`, `0`."""

import re

from portable.errors import PortableError

UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds(text: str, option: str) -> int:
    """Return the seconds that `text` stands for; `option` is what an error names."""
    if text == "0":
        return 0
    if found := re.fullmatch(r"([0-9]{1,6})([smh])", text):
        return int(found[1]) * UNITS[found[2]]
    raise PortableError(f"{option} is {text!r}, expected a duration such as 90s, 5m, 1h or 0.")


def written(duration: float) -> str:
    """Return `duration`, in seconds, as the command line takes it."""
    whole = round(duration)
    for unit, length in (("h", 3600), ("m", 60)):
        if whole and whole % length == 0:
            return f"{whole // length}{unit}"
    return f"{whole}s" if whole else "0"


def clock(duration: float) -> str:
    """Return `duration`, in seconds, as minutes and seconds: `3:12`."""
    minutes, rest = divmod(max(0, round(duration)), 60)
    return f"{minutes}:{rest:02}"
