"""Secrets: each side declares them in its own way, and the local run takes their values from .env.

Lambda's are dynamic references in template.yaml, which CloudFormation replaces at the deployment:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
Fargate's are `secrets` in the Copilot manifest, which ECS injects when a task starts:
https://aws.github.io/copilot-cli/docs/developing/secrets/
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portable.errors import PortableError
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
    """Yield each secret that one side lacks, has as a plain variable, or cannot get.

    `marked` are the names that one side may lack.
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
                yield Problem(
                    f"{place} has the secret {name}, but {other} has not.",
                    "Add it there, or mark it in pyproject.toml: "
                    f'[tool.portable] different = ["{name}"].',
                )
    for name, reference in function.secrets.items():
        if SECURE in reference:
            text = f"{left}.{name} is a reference to ssm-secure, which no function can have."
            yield Problem(text, "Keep it in Secrets Manager: {{resolve:secretsmanager:NAME}}.")


def not_in_example(system: "System", root: Path) -> Iterator[Problem]:
    """Yield each secret that .env.example does not name, from which a new clone makes its .env."""
    for name in sorted(system.secrets - env_file(root / EXAMPLE).keys()):
        text = f"{name} is a secret, but {EXAMPLE} does not name it."
        yield Problem(text, f"Add the line {name}= without a value.", Severity.WARNING)
