"""Environment variables: both sides have the same ones, apart from those that differ on purpose."""

from collections.abc import Collection, Iterator

from portable.manifests import different
from portable.manifests.problem import Problem
from portable.manifests.system import System

APP = "ASGI_APP"  # the app itself, which is one: `agreement` refuses a difference


def differences(system: System, marked: Collection[str] = ()) -> Iterator[Problem]:
    """Yield each variable that one side lacks or has with another value, apart from ASGI_APP.

    Secrets are not among them. `marked` are the names that may differ, beyond those that always
    may.
    """
    names = system.function.environment.keys() | system.service.variables.keys()
    for name in sorted(names - different.VARIABLES.keys() - system.secrets - {*marked, APP}):
        yield from _difference(system, name, different.mark(name))


def different_app(system: System) -> Iterator[Problem]:
    """Yield a difference of ASGI_APP."""
    yield from _difference(system, APP, ": one app is served by both sides.")


def _difference(system: System, name: str, rest: str) -> Iterator[Problem]:
    function, service = system.function, system.service
    left = function.path
    right = f"{service.path}: variables"
    lambda_ = _source(function.environment.get(name), name in function.imports)
    fargate = _source(service.variables.get(name), name in service.imports)
    if lambda_ == fargate:
        return
    if fargate is None:
        yield Problem(f"{left} has {name}, but {right} has not.", f"Add it there{rest}")
    elif lambda_ is None:
        yield Problem(f"{right} has {name}, but {left} has not.", f"Add it there{rest}")
    else:
        text = f"{left}.{name} is {lambda_}, but {right}.{name} is {fargate}."
        yield Problem(text, f"Give both the same{rest}")


def _source(value: str | None, imported: bool) -> str | None:
    """Return what a variable is, in words: what is imported only looks like a value here."""
    if value is None:
        return None
    return f"the export {value!r}" if imported else repr(value)
