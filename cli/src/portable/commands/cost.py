"""`portable cost`: what each side costs in a month, and from which rate on Fargate is cheaper."""

import json
import math
import sys
from pathlib import Path

import click

from portable.commands.options import chosen_environment, project_root, with_environment
from portable.errors import PortableError


class Number(click.ParamType):
    """A number from `low` to `high`; a whole one only if `whole`."""

    name = "number"

    def __init__(self, low: float, high: float, whole: bool = False) -> None:
        self.low, self.high, self.whole = low, high, whole

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return `value` as a number; raise `PortableError` with what is accepted."""
        try:
            number = int(str(value)) if self.whole else float(str(value))
        except ValueError:
            number = math.nan
        if self.low <= number <= self.high:
            return number
        option = param.opts[0] if param else "the number"
        kind = "a whole number" if self.whole else "a number"
        limits = f"from {self.low:,.10g} to {self.high:,.10g}"
        raise PortableError(f"{option} is {str(value)!r}, expected {kind} {limits}.")


MILLISECONDS = Number(0.01, 900_000)  # a function runs for 15 minutes at most
RATE = Number(0.001, 1_000_000)


@click.command(short_help="Print what each side costs in a month, and when to move.")
@click.option(
    "--rps", type=RATE, required=True, help="Requests per second, as an average over the month."
)
@click.option(
    "--ms",
    type=MILLISECONDS,
    default=40,
    show_default=True,
    help="Billed duration of a request on Lambda.",
)
@click.option(
    "--memory",
    type=Number(128, 10240, whole=True),
    help="MB of the function; else MemorySize in template.yaml.",
)
@with_environment("Environment whose weights, tasks and network count.")
@click.option(
    "--cpu-ms",
    type=MILLISECONDS,
    help="CPU time of a request; else the most that --ms can be at this memory.",
)
@click.option(
    "--task-rps",
    type=RATE,
    help="Requests per second that one task carries, measured, instead of --cpu-ms.",
)
@click.option(
    "--vcpu", type=Number(0.25, 16), help="vCPU of a task; else as in the Copilot manifest."
)
@click.option(
    "--task-memory",
    type=Number(512, 122880, whole=True),
    help="MiB of a task; else as in the Copilot manifest.",
)
@click.option(
    "--spot/--no-spot", default=None, help="All tasks on Spot, or none; else as the service says."
)
@click.option("--arm", is_flag=True, help="Both sides on arm64; else as in the manifests.")
@click.option(
    "--kb",
    "kilobytes",
    type=Number(0, 1_000_000),
    default=2,
    show_default=True,
    help="kB of a request with its response.",
)
@click.option(
    "--busy-hours",
    type=Number(1, 24),
    default=24,
    show_default=True,
    help="Hours of a day in which all requests come.",
)
@click.option("--free-tier", is_flag=True, help="Take off the account's free part of Lambda.")
@click.option(
    "--prices",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Prices to use instead, in the format of prices.toml.",
)
@click.option("--json", "as_data", is_flag=True, help="Print JSON.")
def cost(
    rps: float,
    ms: float,
    memory: int | None,
    environment: str | None,
    cpu_ms: float | None,
    task_rps: float | None,
    vcpu: float | None,
    task_memory: int | None,
    spot: bool | None,
    arm: bool,
    kilobytes: float,
    busy_hours: float,
    free_tier: bool,
    prices: Path | None,
    as_data: bool,
) -> None:
    """Print what Lambda alone, Fargate alone and both together cost in a month.

    It shows from which request rate on Fargate is the cheaper side, and so when to shift. What
    is not given is read from the manifests in this folder or the nearest one above it.
    """
    from rich.console import Console

    from portable.cost.break_even import break_even
    from portable.cost.estimate import as_json
    from portable.cost.model import Workload
    from portable.cost.options import CostOptions, ask
    from portable.cost.report import WIDTH, show

    root = project_root(Path.cwd())
    options = CostOptions(
        rps=rps,
        workload=Workload(ms, kilobytes, busy_hours),
        environment=chosen_environment(root, environment),
        memory=memory,
        cpu_ms=cpu_ms,
        task_rps=task_rps,
        vcpu=vcpu,
        task_memory=task_memory,
        spot=spot,
        arm=arm,
        free_tier=free_tier,
        prices=prices,
    )
    estimate = ask(root, options)
    if as_data:
        click.echo(json.dumps(as_json(estimate, break_even(estimate.model)), indent=2))
    else:
        show(estimate, Console(width=None if sys.stdout.isatty() else WIDTH))
