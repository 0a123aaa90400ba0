"""Where the weights come from that `split` expects: given, a local run's, or samconfig.toml's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portable.errors import PortableError
from portable.local.operate.control import NoLocalRun
from portable.manifests.samconfig import SAMCONFIG
from portable.manifests.system import ALB, render_alb
from portable.weights import Weights

State = Mapping[str, Any]


@dataclass(frozen=True)
class Expected:
    """The weights, and in words where they come from; `port` is that of a local run."""

    weights: Weights
    source: str
    port: int | None = None


def given(lambda_weight: int | None, fargate_weight: int | None) -> Expected | None:
    """Return the weights of the command line; raise `PortableError` unless both or neither."""
    if lambda_weight is None and fargate_weight is None:
        return None
    if lambda_weight is None or fargate_weight is None:
        absent = "--lambda-weight" if lambda_weight is None else "--fargate-weight"
        raise PortableError(f"{absent} is missing: a share needs both weights, or neither option.")
    if not lambda_weight and not fargate_weight:
        raise PortableError(
            "--lambda-weight and --fargate-weight are both 0, one of them must be positive."
        )
    weights = Weights(lambda_weight, fargate_weight)
    return Expected(weights, "--lambda-weight and --fargate-weight")


def of_local_run(port: int, ask: Callable[[int, str], State]) -> Expected | None:
    """Return the weights that the listener of the local run on `port` has; None without one."""
    try:
        weights = ask(port, "state")["weights"]
    except NoLocalRun:
        return None
    source = f"the local run on port {port}"
    return Expected(Weights(weights["lambda"], weights["fargate"]), source, port)


def of_samconfig(root: Path, environment: str) -> Expected:
    """Return the weights that the ALB stack of `environment` is deployed with."""
    values = render_alb(root, environment, {})["Parameters"]  # with the template's defaults
    found = []
    for name in ("LambdaWeight", "FargateWeight"):
        if name not in values:
            raise PortableError(f"{ALB} has no parameter {name}.")
        found.append(int(values[name]["Value"]))
    return Expected(Weights(*found), f"{SAMCONFIG}, environment {environment}")
