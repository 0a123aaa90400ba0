"""How large the Fargate side is: what the Copilot manifest says of tasks, scaling and network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portable.errors import PortableError
from portable.manifests.copilot_manifest import service_manifest
from portable.manifests.reader import read_yaml
from portable.manifests.template import Intrinsics

PATCHES = "overrides/cfn.patches.yml"
_STRATEGY = "/Resources/Service/Properties/CapacityProviderStrategy"

# vCPU: MiB of a task.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
TASK_SIZES: dict[float, tuple[int, ...]] = {
    0.25: (512, 1024, 2048),
    0.5: tuple(range(1024, 4096 + 1, 1024)),
    1: tuple(range(2048, 8192 + 1, 1024)),
    2: tuple(range(4096, 16384 + 1, 1024)),
    4: tuple(range(8192, 30720 + 1, 1024)),
    8: tuple(range(16384, 61440 + 1, 4096)),
    16: tuple(range(32768, 122880 + 1, 8192)),
}


@dataclass(frozen=True)
class Spot:
    """The capacity provider strategy: `base` tasks on demand, of the rest `share` on Spot, 0 to 1.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html
    """

    base: int
    share: float


NO_SPOT = Spot(0, 0)
ALL_SPOT = Spot(0, 1)


@dataclass(frozen=True)
class ServiceSize:
    """The service in one environment. `memory` is in MiB, `cpu_percentage` is 0 to 100."""

    vcpu: float
    memory: int
    minimum: int
    maximum: int
    cpu_percentage: float
    nat_gateways: int  # 0 when the tasks have public addresses instead
    spot: Spot


def check_task_size(vcpu: float, memory: int, place: str) -> None:
    """Raise `PortableError`, which begins with `place`, for a task that Fargate does not have."""
    if vcpu not in TASK_SIZES:
        accepted = ", ".join(f"{size:g}" for size in TASK_SIZES)
        raise PortableError(f"{place}: Fargate has no task of {vcpu:g} vCPU, only of {accepted}.")
    sizes = TASK_SIZES[vcpu]
    if memory not in sizes:
        accepted = ", ".join(str(size) for size in sizes[:3])
        if len(sizes) > 3:
            accepted += f" and on in steps of {sizes[1] - sizes[0]} to {sizes[-1]}"
        message = f"{place}: a task of {vcpu:g} vCPU cannot have {memory} MiB"
        raise PortableError(f"{message}, only {accepted}.")


def read_service_size(root: Path, manifest_path: str, environment: str) -> ServiceSize:
    """Read the manifest at `manifest_path` below `root`, and the patches next to it.

    Raises `PortableError` naming file and key for what is missing or of the wrong type.
    """
    manifest = service_manifest(root, manifest_path, environment)

    def get(*keys: str, default: Any = None) -> Any:
        return _find(manifest, keys, default)

    def number(value: Any, key: str) -> float:
        try:
            return float(value)
        except (TypeError, ValueError):
            message = f"{manifest_path}: {key} is {value!r}"
            raise PortableError(f"{message}, expected a number.") from None

    count = get("count")
    scaled = isinstance(count, dict) and "range" in count
    if scaled and isinstance(get("count", "range"), dict):
        ends = (get("count", "range", "min"), get("count", "range", "max"))
    else:  # "2-10", a number, or {spot: 2}
        text = get("count", "range") if scaled else count
        text = text.get("spot") if isinstance(text, dict) else text
        low, _, high = str(text).partition("-")
        ends = (low, high or low)
    percentage = get("count", "cpu_percentage", default=70) if scaled else 70
    if isinstance(percentage, dict):
        percentage = percentage.get("value")
    vcpu = number(get("cpu"), "cpu") / 1024
    memory = int(number(get("memory"), "memory"))
    check_task_size(vcpu, memory, manifest_path)
    private = get("network", "vpc", "placement", default="public") == "private"
    return ServiceSize(
        vcpu,
        memory,
        int(number(ends[0], "count.range.min" if scaled else "count")),
        int(number(ends[1], "count.range.max" if scaled else "count")),
        number(percentage, "count.cpu_percentage"),
        _private_subnets(root, environment) if private else 0,
        _spot(root, f"{Path(manifest_path).parent.as_posix()}/{PATCHES}"),
    )


def _private_subnets(root: Path, environment: str) -> int:
    """Copilot makes a NAT gateway for each private subnet; by default there are two."""
    name = f"copilot/environments/{environment}/manifest.yml"
    if not (root / name).exists():
        return 2
    subnets = _find(read_yaml(root, name), ("network", "vpc", "subnets", "private"), None)
    return len(subnets) if isinstance(subnets, list) else 2


def _spot(root: Path, name: str) -> Spot:
    patches = read_yaml(root, name, Intrinsics) if (root / name).exists() else []
    for patch in patches if isinstance(patches, list) else ():
        if not isinstance(patch, dict) or patch.get("path") != _STRATEGY:
            continue
        try:
            items = {item["CapacityProvider"]: item for item in patch["value"]}
            weights = {key: int(item.get("Weight", 0)) for key, item in items.items()}
            base = int(items.get("FARGATE", {}).get("Base", 0))
            return Spot(base, weights.get("FARGATE_SPOT", 0) / (sum(weights.values()) or 1))
        except (KeyError, TypeError, ValueError, AttributeError):
            expected = "a list of CapacityProvider, Base and Weight"
            message = f"{name}: the value of {_STRATEGY} is {patch.get('value')!r}"
            raise PortableError(f"{message}, expected {expected}.") from None
    return NO_SPOT


def _find(values: Any, keys: tuple[str, ...], default: Any) -> Any:
    for key in keys:
        if not isinstance(values, dict) or values.get(key) is None:
            return default
        values = values[key]
    return values
