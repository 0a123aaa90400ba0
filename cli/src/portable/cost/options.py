"""Turns the options of `portable cost`, and the manifests for the rest, into the estimate."""

from dataclasses import dataclass
from pathlib import Path

from portable.cost.estimate import Estimate
from portable.cost.model import FargateSide, LambdaSide, Model, Workload, task_rps
from portable.cost.prices import load_prices
from portable.cost.service_size import (
    ALL_SPOT,
    NO_SPOT,
    ServiceSize,
    check_task_size,
    read_service_size,
)
from portable.errors import PortableError
from portable.manifests.system import load


@dataclass(frozen=True)
class CostOptions:
    """The options; None stands for what the manifests of `environment` say."""

    rps: float
    workload: Workload
    environment: str = "test"
    memory: int | None = None  # MB of the function
    cpu_ms: float | None = None
    task_rps: float | None = None
    vcpu: float | None = None
    task_memory: int | None = None  # MiB
    spot: bool | None = None
    arm: bool = False
    free_tier: bool = False
    prices: Path | None = None


def ask(root: Path, options: CostOptions) -> Estimate:
    """Return the estimate for the project at `root`; raise `PortableError` for a bad option."""
    if options.cpu_ms is not None and options.task_rps is not None:
        raise PortableError("--cpu-ms and --task-rps exclude each other: each says what one does.")
    prices = load_prices(options.prices)
    system = load(root, options.environment, {})
    size = read_service_size(root, system.service.path, options.environment)
    group = system.load_balancer.group("lambda")
    function = LambdaSide(
        options.memory or system.function.memory,
        "arm" if options.arm or system.function.architecture == "arm64" else "x86",
        group.check.interval if group.check.enabled else None,
    )
    vcpu, memory = options.vcpu or size.vcpu, options.task_memory or size.memory
    check_task_size(vcpu, memory, "--vcpu and --task-memory")
    carried, capacity = _capacity(options, function, size, vcpu)
    service = FargateSide(
        vcpu,
        memory,
        "arm" if options.arm or system.service.platform.endswith("arm64") else "x86",
        size.minimum,
        size.maximum,
        carried,
        {None: size.spot, True: ALL_SPOT, False: NO_SPOT}[options.spot],
        size.nat_gateways,
    )
    model = Model(options.workload, function, service, prices, options.free_tier)
    guessed = options.cpu_ms is None and options.task_rps is None
    return Estimate(model, options.rps, system.load_balancer.weights, capacity, guessed)


def _capacity(
    options: CostOptions, function: LambdaSide, size: ServiceSize, vcpu: float
) -> tuple[float, str]:
    """Return how many requests per second a task carries, and the sentence that says why."""
    if options.task_rps is not None:
        carried = options.task_rps
        return carried, f"It carries {carried:g} requests per second, as given."
    cpu_ms, why = options.cpu_ms, "as given"
    if cpu_ms is None:
        cpu_ms = function.cpu_ms(options.workload.ms)
        why = (
            f"the most that {options.workload.ms:g} ms with {function.memory} MB can be; an app "
            "that waits takes less, and a task carries more: measure it and give --cpu-ms"
        )
    carried = task_rps(vcpu, size.cpu_percentage, cpu_ms)
    sentence = (
        f"At {size.cpu_percentage:g}% CPU it carries {carried:,.3g} requests per second of "
        f"{cpu_ms:,.3g} ms CPU each ({why})."
    )
    if vcpu > 1:
        sentence += " The server is one process and uses one vCPU of it."
    return carried, sentence
