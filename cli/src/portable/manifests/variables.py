"""Environment variables: both sides have the same ones, apart from those that differ on purpose."""

import os
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path

from portable.errors import PortableError
from portable.manifests.problem import Problem, Severity
from portable.manifests.system import System

PROJECT = "pyproject.toml"
MARK = "[tool.portable] different"

# The one list of variables that differ on purpose, and why. A service adds its own ones in
# pyproject.toml, as in:
#     [tool.portable]
#     different = ["NAME"]
DIFFERENT = {
    "EXECUTION_ENVIRONMENT": "names the side",
    "FORWARDED_ALLOW_IPS": "Lambda takes the client's address from the event",
    "GRACEFUL_SHUTDOWN_SECONDS": "a sandbox has no requests in flight when it ends",
    "HOST": "Lambda has no server",
    "KEEP_ALIVE_SECONDS": "Lambda has no connections",
    "LIMIT_CONCURRENCY": "a sandbox has one request at a time",
    "PORT": "Lambda has no server",
}


APP = "ASGI_APP"  # the app itself, which is one: `agreement` refuses a difference


def differences(system: System, marked: Collection[str] = ()) -> Iterator[Problem]:
    """Yield each variable that one side lacks or has with another value, apart from ASGI_APP.

    Secrets are not among them. `marked` are the names that may differ, beyond those that always
    may.
    """
    names = system.function.environment.keys() | system.service.variables.keys()
    for name in sorted(names - DIFFERENT.keys() - system.secrets - {*marked, APP}):
        mark = f', or mark it in {PROJECT}: {MARK} = ["{name}"].'
        yield from _difference(system, name, mark)


def idle_marks(marked: Collection[str], names: Collection[str]) -> Iterator[Problem]:
    """Yield each marked name that neither side has, `names` being those that one has."""
    for name in sorted(set(marked) - set(names)):
        text = f"{PROJECT}: {MARK} has {name!r}, a variable that neither side has."
        yield Problem(text, "Remove it.", Severity.WARNING)


def different_app(system: System) -> Iterator[Problem]:
    """Yield a difference of ASGI_APP."""
    yield from _difference(system, APP, ": one app is served by both sides.")


def _difference(system: System, name: str, rest: str) -> Iterator[Problem]:
    function, service = system.function, system.service
    left = function.path
    right = f"{service.path}: variables"
    lambda_, fargate = function.environment.get(name), service.variables.get(name)
    if lambda_ == fargate:
        return
    if fargate is None:
        yield Problem(f"{left} has {name}, but {right} has not.", f"Add it there{rest}")
    elif lambda_ is None:
        yield Problem(f"{right} has {name}, but {left} has not.", f"Add it there{rest}")
    else:
        text = f"{left}.{name} is {lambda_!r}, but {right}.{name} is {fargate!r}."
        yield Problem(text, f"Give both the same value{rest}")


def marked(root: Path) -> frozenset[str]:
    """Return the names in `[tool.portable] different` of pyproject.toml, none without one.

    Raises `PortableError` for a file or a value of another form.
    """
    path = root / PROJECT
    name = os.path.relpath(path)
    try:
        config = tomllib.loads(path.read_text()) if path.exists() else {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PortableError(f"cannot read {name}: {error}.") from None
    tool = config.get("tool", {})
    names = tool.get("portable", {}).get("different", []) if isinstance(tool, dict) else []
    if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
        raise PortableError(f"{name}: {MARK} is {names!r}, expected a list of names.")
    return frozenset(names)
