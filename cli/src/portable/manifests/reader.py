"""Reads YAML whose faults are the user's: each is one sentence that names file and key."""

from pathlib import Path
from typing import Any, ClassVar

import yaml

from portable.errors import PortableError

try:  # libyaml takes a tenth of the time
    from yaml import CSafeDumper as SafeDumper
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeDumper, SafeLoader  # type: ignore[assignment]


class Strict(SafeLoader):
    """Refuses tags, also those that another library has taught SafeLoader, as SAM's does."""

    yaml_multi_constructors: ClassVar[dict[str | None, Any]] = {}


def not_yaml(path: str, error: yaml.YAMLError) -> PortableError:
    """Return what is wrong with the file at `path`, and where."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}"
        return PortableError(f"{path} is not YAML: {place}: {error.problem}.")
    reason = getattr(error, "reason", None) or type(error).__name__
    return PortableError(f"{path} is not YAML: {reason}.")


def dump(value: Any) -> str:
    """Return `value` as YAML."""
    return str(yaml.dump(value, Dumper=SafeDumper))


def read_yaml(root: Path, path: str, loader: type[SafeLoader] = Strict) -> Any:
    """Return what `path` below `root` holds; raise `PortableError` where it is no YAML file.

    `loader` says what becomes of tags.
    """
    try:
        return yaml.load((root / path).read_text(), loader)
    except OSError as error:
        raise PortableError(f"cannot read {path}: {error.strerror}.") from None
    except yaml.YAMLError as error:
        raise not_yaml(path, error) from None


class Reader:
    """Reads nested keys; a missing one is a `PortableError` that names file and key."""

    def __init__(self, path: str, place: str, values: dict[str, Any]) -> None:
        self.path = path
        self.place = place
        self.values = values

    _required = object()

    def __call__(self, *keys: str, default: Any = _required) -> Any:
        found: Any = self.values
        for key in keys:
            if not isinstance(found, dict) or key not in found:
                if default is not self._required:
                    return default
                raise PortableError(f"{self.path} has no {self._name(keys)}.")
            found = found[key]
        return found

    def integer(self, *keys: str, default: Any = _required) -> int:
        """Return a whole number."""
        return self.whole(self(*keys, default=default), *keys)

    def whole(self, value: Any, *keys: str) -> int:
        """Return `value`, which was found at `keys`, as a whole number."""
        try:
            return int(value)
        except (TypeError, ValueError):
            message = f"{self.path}: {self._name(keys)} is {value!r}"
            raise PortableError(f"{message}, expected a whole number.") from None

    def _name(self, keys: tuple[str, ...]) -> str:
        return ".".join(filter(None, (self.place, *keys)))
