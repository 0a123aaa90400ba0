"""What AWS charges: prices.toml, and a file of the user's over it."""

import itertools
import math
import tomllib
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

from portable.errors import PortableError

Tiers = tuple[tuple[float, float], ...]

_TIERED = "lambda_gb_second_"
_HEADER = ("region", "date", "hours_per_month")
_HIGHEST = 1_000_000_000
_KEYS = ("value", "unit", "source", "grade")


@dataclass(frozen=True)
class Price:
    """One entry; `value` is in `unit`, `source` is an address or the file that overrides it."""

    name: str
    value: float
    unit: str
    source: str
    grade: str  # "confirmed" or "estimate"; "given" if it is the user's


@dataclass(frozen=True)
class Prices:
    """All entries, by name. The tiered ones are `[from GB-seconds, USD per GB-second]` rows."""

    region: str
    date: date
    hours_per_month: float
    entries: dict[str, Price]
    tiers: dict[str, Tiers]
    given: tuple[str, ...] = ()  # the entries that come from the user's file

    def __getitem__(self, name: str) -> float:
        return self.entries[name].value

    def gb_second(self, architecture: str) -> Tiers:
        """Return the price tiers of Lambda's duration on `x86` or `arm`."""
        return self.tiers[_TIERED + architecture]

    def per_month(self, name: str) -> float:
        """Return what an hourly price comes to in a month."""
        return self[name] * self.hours_per_month


def load_prices(override: Path | None = None) -> Prices:
    """Return the prices of prices.toml, with what the file `override` has in their place.

    Raises `PortableError` for a file that cannot be read and for an entry that is not known, is
    of the wrong type or negative.
    """
    base = tomllib.loads(files("portable.cost").joinpath("prices.toml").read_text())
    if override is None:
        return _prices(base)
    given = _read(override)
    for name, value in given.items():
        if name not in base:
            message = f"{override}: there is no price {name!r}"
            raise PortableError(f"{message}, expected one of {', '.join(base)}.")
        if name in _HEADER:
            base[name] = _header(override, name, value)
        else:
            base[name] |= {"source": str(override), "grade": "given"}
            base[name] |= _entry(override, name, value)
    return _prices(base, tuple(name for name in given if name not in _HEADER))


def _prices(data: dict[str, Any], given: tuple[str, ...] = ()) -> Prices:
    entries = {name: entry for name, entry in data.items() if name not in _HEADER}
    return Prices(
        data["region"],
        data["date"],
        float(data["hours_per_month"]),
        {
            name: Price(
                name, _first(entry["value"]), entry["unit"], entry["source"], entry["grade"]
            )
            for name, entry in entries.items()
        },
        {
            name: tuple((float(start), float(usd)) for start, usd in entry["value"])
            for name, entry in entries.items()
            if name.startswith(_TIERED)
        },
        given,
    )


def _first(value: Any) -> float:
    return float(value[0][1] if isinstance(value, list) else value)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise PortableError(f"cannot read {path}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PortableError(f"{path} is not TOML: {error}.") from None


def _header(path: Path, name: str, value: Any) -> Any:
    expected = {"region": "a text", "date": "a date, as in 2026-06-17"}
    if name == "hours_per_month":
        if not _is_number(value) or not 0 < value <= 744:
            message = f"{path}: hours_per_month is {value!r}"
            raise PortableError(f"{message}, expected a number above 0 and up to 744.")
    elif type(value) is not {"region": str, "date": date}[name]:
        raise PortableError(f"{path}: {name} is {value!r}, expected {expected[name]}.")
    return value


def _entry(path: Path, name: str, entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict) or "value" not in entry:
        message = f"{path}: {name} has no value"
        raise PortableError(f"{message}, expected a table [{name}] with `value = …`.")
    for key in entry:
        if key not in _KEYS:
            message = f"{path}: there is no key {key!r} in {name}"
            raise PortableError(f"{message}, expected one of {', '.join(_KEYS)}.")
        if key != "value" and not isinstance(entry[key], str):
            raise PortableError(f"{path}: {name}.{key} is {entry[key]!r}, expected a text.")
    value = entry["value"]
    message = f"{path}: {name}.value is {value!r}"
    if name.startswith(_TIERED):
        if not _are_tiers(value):
            expected = "rows of [from GB-seconds, USD per GB-second], rising, the first from 0"
            raise PortableError(f"{message}, expected {expected}.")
    elif not _is_number(value) or not 0 <= value <= _HIGHEST:
        raise PortableError(f"{message}, expected a number from 0 to {_HIGHEST}.")
    elif name == "fargate_spot_share" and value > 1:
        raise PortableError(f"{message}, expected a number from 0 to 1.")
    return entry


def _are_tiers(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    if not all(isinstance(row, list) and len(row) == 2 for row in value):
        return False
    if not all(_is_number(number) and number >= 0 for row in value for number in row):
        return False
    if any(usd > _HIGHEST for _, usd in value):
        return False
    starts = [row[0] for row in value]
    return starts[0] == 0 and all(a < b for a, b in itertools.pairwise(starts))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
