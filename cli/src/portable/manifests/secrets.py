"""Secrets: each side declares them in its own way, and the local run takes their values from .env.

Lambda's are dynamic references in template.yaml, which CloudFormation replaces at the deployment:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
Fargate's are `secrets` in the Copilot manifest, which ECS injects when a task starts:
https://aws.github.io/copilot-cli/docs/developing/secrets/
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portable.errors import PortableError
from portable.manifests.different import mark
from portable.manifests.problem import Problem, Severity

if TYPE_CHECKING:
    from portable.manifests.system import System

REFERENCE = "{{resolve:"
# CloudFormation takes it in a few properties only, of which a function's variables are none.
SECURE = f"{REFERENCE}ssm-secure:"
ENV_FILE = ".env"
EXAMPLE = ".env.example"


def split(variables: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the plain ones of a function's `variables`, and those with a dynamic reference."""
    secrets = {name: value for name, value in variables.items() if REFERENCE in value}
    plain = {name: value for name, value in variables.items() if name not in secrets}
    return plain, secrets


def of_manifest(path: str, declared: Any) -> dict[str, str]:
    """Return `secrets` of the Copilot manifest at `path`: what it declares, by name.

    Raises `PortableError` for a form that Copilot does not have.
    """
    if not isinstance(declared, dict | None):
        raise PortableError(f"{path}: secrets is {declared!r}, expected NAME: PARAMETER.")
    found = {}
    for name, where in (declared or {}).items():
        kinds = {"ssm": where} if isinstance(where, str) else where
        if not isinstance(kinds, dict) or len(kinds) != 1:
            message = f"{path}: secrets.{name} is {where!r}, expected the name of an SSM parameter"
            raise PortableError(f"{message}, `secretsmanager:` or `from_cfn:`.")
        [(kind, value)] = kinds.items()
        found[name] = f"{kind} {value}"
    return found


def filled(system: "System", root: Path, given: Mapping[str, str]) -> "System":
    """Return `system` whose secrets have values: from `given`, or else from .env below `root`.

    Each side gets those that it declares. Raises `PortableError` with one sentence for each that
    has no value; no value is ever part of one.
    """
    function, service = system.function, system.service
    names = sorted(system.secrets)
    if not names:
        return system
    values = {**env_file(root / ENV_FILE), **given}
    missing = [_missing(system, name) for name in names if not values.get(name)]
    if missing:
        raise PortableError("\n".join(missing))
    ours = {name: values[name] for name in function.secrets}
    theirs = {name: values[name] for name in service.secrets}
    return replace(
        system,
        function=replace(function, environment={**function.environment, **ours}),
        service=replace(service, variables={**service.variables, **theirs}),
    )


def _missing(system: "System", name: str) -> str:
    sides = (
        (system.function.path, system.function.secrets),
        (f"{system.service.path}: secrets", system.service.secrets),
    )
    declared = " and ".join(place for place, secrets in sides if name in secrets)
    message = f"{name} is a secret of {declared} and has no value here: add {name}=VALUE to"
    return f"{message} {ENV_FILE}, which git ignores, or give --variable {name}=VALUE."


def env_file(path: Path) -> dict[str, str]:
    """Return NAME=VALUE of the file at `path`, values as they stand there; nothing without one.

    Raises `PortableError` for a file that cannot be read, and for a line of another form.
    """
    from dotenv.parser import parse_stream

    try:
        with path.open() as stream:
            found = list(parse_stream(stream))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise PortableError(f"cannot read {path.name}: {reason}.") from None
    for binding in found:
        if binding.error:
            text = binding.original.string
            line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
            message = f"{path.name}: line {line} cannot be read"
            raise PortableError(f"{message}, expected NAME=VALUE.")
    return {binding.key: binding.value or "" for binding in found if binding.key}


def differences(system: "System", marked: Collection[str] = ()) -> Iterator[Problem]:
    """Yield each secret that one side lacks, has as a plain variable or elsewhere, or cannot get.

    `marked` are the names that one side may lack or have elsewhere.
    """
    function, service = system.function, system.service
    left, right = f"{function.path}", f"{service.path}: secrets"
    sides = (
        (left, function.secrets, right, service.secrets, service.variables),
        (right, service.secrets, left, function.secrets, function.environment),
    )
    for place, secrets, other, others, plain in sides:
        for name in sorted(secrets.keys() - others.keys()):
            if name in plain:
                text = f"{place} has the secret {name}, a plain variable of the other side."
                yield Problem(text, f"Make it a secret of {other}.")
            elif name not in marked:
                text = f"{place} has the secret {name}, but {other} has not."
                yield Problem(text, f"Add it there{mark(name)}")
    for name in sorted(function.secrets.keys() & service.secrets.keys() - set(marked)):
        one, another = _of_reference(function.secrets[name]), _of_declared(service.secrets[name])
        if one and another and not one.may_be(another):
            text = f"{left}.{name} is {one}, but {right}.{name} is {another}."
            yield Problem(text, f"Give both the same{mark(name)}")
    for name, reference in function.secrets.items():
        if SECURE in reference:
            text = f"{left}.{name} is a reference to ssm-secure, which no function can have."
            yield Problem(text, "Keep it in Secrets Manager: {{resolve:secretsmanager:NAME}}.")


@dataclass(frozen=True)
class _Source:
    """Where a secret is. `kind` is empty where only a deployment knows, `key` for all of it."""

    kind: str
    name: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.kind or 'the export'} {self.name!r}" + (self.key and f", key {self.key!r}")

    def may_be(self, other: "_Source") -> bool:
        """Say whether the two can be the same; an ARN and a name can."""
        kinds, names = {self.kind, other.kind} - {""}, (self.name, other.name)
        named = self.name == other.name or any(name.startswith("arn:") for name in names)
        return len(kinds) < 2 and named and self.key == other.key


def _of_reference(value: str) -> _Source | None:
    """Return where a dynamic reference leads; nothing for one inside a longer value."""
    found = re.fullmatch(r"\{\{resolve:(ssm|ssm-secure|secretsmanager):(.+)\}\}", value)
    if not found:
        return None
    if found[1] != "secretsmanager":
        return _Source("ssm", found[2].partition(":")[0])
    name, rest = _split_arn(found[2])
    return _Source(found[1], name, rest[1] if len(rest) > 1 else "")


def _of_declared(where: str) -> _Source | None:
    """Return where a secret of the Copilot manifest is."""
    kind, _, value = where.partition(" ")
    if kind == "from_cfn":
        return _Source("", value)
    name, rest = _split_arn(value)
    if kind == "ssm" and name.startswith("arn:"):
        kind = ""  # of either service
    return _Source(kind, name, rest[0] if rest else "")


def _split_arn(value: str) -> tuple[str, list[str]]:
    """Return the name or the ARN that `value` begins with, and what follows between colons."""
    parts = value.split(":")
    length = 7 if parts[0] == "arn" else 1
    return ":".join(parts[:length]), parts[length:]


def not_in_example(system: "System", root: Path) -> Iterator[Problem]:
    """Yield each secret that .env.example does not name, from which a new clone makes its .env."""
    for name in sorted(system.secrets - env_file(root / EXAMPLE).keys()):
        text = f"{name} is a secret, but {EXAMPLE} does not name it."
        yield Problem(text, f"Add the line {name}= without a value.", Severity.WARNING)
