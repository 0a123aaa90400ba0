"""Which stack samconfig.toml deploys to an environment, and the weights that it has there."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from portable.errors import PortableError
from portable.manifests.alarms import ALARMS
from portable.manifests.system import ALB, SAMCONFIG
from portable.weights import Weights


@dataclass(frozen=True)
class Deployment:
    """What `sam deploy --config-env SECTION` deploys; region and profile where they are set."""

    section: str
    stack: str
    alarms: str  # the section of the alarms' stack
    region: str | None = None
    profile: str | None = None
    template: str = ALB


def deployment(root: Path, environment: str) -> Deployment:
    """Return the deployment of the load balancer in `environment` by `root`/samconfig.toml.

    Raises `PortableError` for a file that cannot be read or has no such deployment.
    """
    path = root / SAMCONFIG
    config = _read(path)
    section = _section(config, ALB, environment)
    if section is None:
        known = sorted(
            str(_overrides(settings).get("EnvName"))
            for _, settings in _deployments(config)
            if settings.get("template_file") == ALB
        )
        text = f"{os.path.relpath(path)} deploys {ALB} to {', '.join(known) or 'nowhere'}"
        raise PortableError(f"{text}, not to {environment!r}.")
    settings = dict(_deployments(config))[section]
    stack = settings.get("stack_name")
    if not stack:
        key = f"{section}.global.parameters.stack_name"
        raise PortableError(f"{os.path.relpath(path)} has no {key}.")
    usual = "alarms" if environment == "test" else f"alarms-{environment}"
    return Deployment(
        section=section,
        stack=str(stack),
        alarms=_section(config, ALARMS, environment) or usual,
        region=settings.get("region"),
        profile=settings.get("profile"),
    )


def write_weights(root: Path, section: str, weights: Weights) -> str:
    """Write `weights` where `sam deploy` reads them, and return one sentence that says so.

    Comments and order stay. Returns nothing if the file has these weights already. Never raises:
    where it cannot write, the sentence says what to write by hand.
    """
    path = root / SAMCONFIG
    values = {"LambdaWeight": weights.lambda_, "FargateWeight": weights.fargate}
    shown = ", ".join(f"{name} = {value}" for name, value in values.items())
    place = f"[{section}.deploy.parameters.parameter_overrides]"
    by_hand = f"{SAMCONFIG}: set {shown} in {place} by hand, or the next deployment undoes this"
    try:
        config = _read(path)
        overrides: Any = config[section]["deploy"]["parameters"]["parameter_overrides"]
        if not isinstance(overrides, dict):
            return f"{by_hand}: it is not a table."
        if {name: overrides.get(name) for name in values} == values:
            return ""
        for name, value in values.items():
            overrides[name] = value
        _replace(path, tomlkit.dumps(config))
    except PortableError as error:
        return f"{by_hand}: {error.message}"
    except OSError as error:
        return f"{by_hand}: it cannot be written ({error.strerror})."
    except (KeyError, TypeError, TOMLKitError):
        return f"{by_hand}: it has no such table."
    return f"{SAMCONFIG} now has {shown}: commit it, or the next deployment undoes this."


def _replace(path: Path, text: str) -> None:
    # In one step: who reads the file meanwhile, or a full disk, leaves it whole.
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.write_text(text, newline="")
        temporary.chmod(path.stat().st_mode)
        temporary.replace(path.resolve())
    finally:
        temporary.unlink(missing_ok=True)


def _read(path: Path) -> tomlkit.TOMLDocument:
    name = os.path.relpath(path)
    try:
        with path.open(newline="") as file:
            return tomlkit.parse(file.read())
    except OSError as error:
        raise PortableError(f"cannot read {name}: {error.strerror}.") from None
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise PortableError(f"{name} is not TOML: {error}.") from None


def _deployments(config: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return each section with its parameters for `deploy`, which add to its global ones.

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
    """
    found = []
    for section, commands in config.items():
        if isinstance(commands, dict) and "deploy" in commands:
            given = (commands.get("global", {}), commands["deploy"])
            merged: dict[str, Any] = {}
            for command in given:
                merged.update(command.get("parameters", {}) if isinstance(command, dict) else {})
            found.append((section, merged))
    return found


def _section(config: dict[str, Any], template: str, environment: str) -> str | None:
    for section, settings in _deployments(config):
        if settings.get("template_file") != template:
            continue
        if _overrides(settings).get("EnvName") == environment:
            return section
    return None


def _overrides(settings: dict[str, Any]) -> dict[str, str]:
    """Return `parameter_overrides` as a table, a list or one string has them."""
    value = settings.get("parameter_overrides", {})
    if isinstance(value, dict):
        return {name: str(item) for name, item in value.items()}
    words = value.split() if isinstance(value, str) else [str(item) for item in value]
    pairs = (word.partition("=") for word in words)
    return {name: item.strip("\"'") for name, _, item in pairs}
