"""Which stack samconfig.toml deploys to an environment, and the weights that it has there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tomlkit.exceptions import TOMLKitError

from portable.errors import PortableError
from portable.manifests.alarms import ALARMS
from portable.manifests.samconfig import SAMCONFIG, Samconfig
from portable.manifests.system import ALB
from portable.weights import Weights


@dataclass(frozen=True)
class Deployment:
    """What `sam deploy --config-env SECTION` deploys; region and profile where they are set."""

    section: str
    place: tuple[str, ...]  # of its parameters in the file
    stack: str
    alarms: str  # the section of the alarms' stack
    region: str | None = None
    profile: str | None = None
    template: str = ALB


def deployment(root: Path, environment: str) -> Deployment:
    """Return the deployment of the load balancer in `environment` by `root`/samconfig.toml.

    Raises `PortableError` for a file that cannot be read or has no such deployment.
    """
    samconfig = Samconfig(root / SAMCONFIG)
    section = samconfig.section(ALB, environment)
    stack = section.settings.get("stack_name")
    if not stack:
        key = f"{section.name}.global.parameters.stack_name"
        raise PortableError(f"{samconfig.name} has no {key}.")
    try:
        alarms = samconfig.section(ALARMS, environment).name
    except PortableError:  # whoever has none is told how to deploy them
        alarms = f"alarms-{environment}"
    return Deployment(
        section=section.name,
        place=section.place,
        stack=str(stack),
        alarms=alarms,
        region=section.settings.get("region"),
        profile=section.settings.get("profile"),
    )


def write_weights(root: Path, place: tuple[str, ...], weights: Weights) -> str:
    """Write `weights` at `place`, where `sam deploy` reads them, and return a sentence on it.

    Comments and order stay. Returns nothing if the file has these weights already. Never raises:
    where it cannot write, the sentence says what to write by hand.
    """
    values = {"LambdaWeight": weights.lambda_, "FargateWeight": weights.fargate}
    shown = ", ".join(f"{name} = {value}" for name, value in values.items())
    table = ".".join(place)
    by_hand = f"{SAMCONFIG}: set {shown} in [{table}] by hand, or the next deployment undoes this"
    try:
        samconfig = Samconfig(root / SAMCONFIG)
        overrides: Any = samconfig.document
        for key in place:
            overrides = overrides[key]
        if not isinstance(overrides, dict):
            return f"{by_hand}: it is not a table."
        if {name: overrides.get(name) for name in values} == values:
            return ""
        for name, value in values.items():
            overrides[name] = value
        samconfig.save()
    except PortableError as error:
        return f"{by_hand}: {error.message}"
    except OSError as error:
        return f"{by_hand}: it cannot be written ({error.strerror})."
    except (KeyError, TypeError, TOMLKitError):
        return f"{by_hand}: it has no such table."
    return f"{SAMCONFIG} now has {shown}: commit it, or the next deployment undoes this."
