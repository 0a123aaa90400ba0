"""What `portable cost` is asked, and what it answers in words and as data."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from portable.cost.break_even import BreakEven, break_even
from portable.cost.model import LCU_NEW_CONNECTIONS, NODES, Bill, Model
from portable.weights import Weights

_ENDLESS = 1_000_000  # requests per second of a task that has nothing to compute


@dataclass(frozen=True)
class Estimate:
    """The rate, the split in force, and a sentence on how much a task was taken to carry.

    `guessed` says that this is the lowest number that it can be, as the CPU time is not known.
    """

    model: Model
    rps: float
    weights: Weights
    capacity: str
    guessed: bool = False

    def bills(self) -> dict[str, Bill]:
        """Return a bill for each way to deploy; the keys are titles."""
        model, rps = self.model, self.rps
        bills = {"Lambda alone": model.lambda_alone(rps), "Fargate alone": model.fargate_alone(rps)}
        for share in dict.fromkeys((self.weights.share("lambda"), 1.0, 0.0)):
            bills[f"both, {split_name(share)}"] = model.both(rps, share)
        return bills


def split_name(share: float) -> str:
    """Return the shares of Lambda and Fargate in percent, as in "50/50"."""
    return f"{share * 100:.3g}/{(1 - share) * 100:.3g}"


def rate_name(rps: float) -> str:
    """Return a rate as text, with a decimal where it matters."""
    return f"{rps:,.1f}" if rps < 1000 else f"{rps:,.0f}"


def answers(estimate: Estimate, even: BreakEven) -> list[str]:
    """Return what the numbers mean, a sentence or two each."""
    model, service = estimate.model, estimate.model.service
    bills = estimate.bills()
    less = bills["Fargate alone"].total - bills["Lambda alone"].total
    cheaper, dearer = ("Lambda", "Fargate") if less >= 0 else ("Fargate", "Lambda")
    sentences = [
        f"At {estimate.rps:g} requests per second {cheaper} alone is the cheaper one: "
        f"${abs(less):,.2f} a month less than {dearer} alone.",
        _break_even_sentence(even),
    ]
    if estimate.guessed and even.last:
        waits = break_even(replace(model, service=replace(service, task_rps=_ENDLESS))).last
        if waits is not None and rate_name(waits) != rate_name(even.last):
            sentences.append(
                "That is with the most CPU time that a request can take; if it only waits, the "
                f"break-even is {rate_name(waits)}. --cpu-ms or --task-rps settles it."
            )
    if service.minimum:
        tasks = "1 task runs" if service.minimum == 1 else f"{service.minimum} tasks run"
        sentences.append(
            f"While both are deployed {tasks} anyway, also at weight 0, enough for "
            f"{rate_name(model.rate(service.minimum))} requests per second: up to that rate each "
            "request that goes to Lambda adds to the bill and takes nothing off it."
        )
    most = max(bills.items(), key=lambda item: item[1].tasks)
    if most[1].tasks > service.maximum:
        sentences.append(
            f"{most[0]} needs {most[1].tasks} tasks and the Copilot manifest allows "
            f"{service.maximum}: without a higher count.range.max they would be overloaded."
        )
    return sentences


def _break_even_sentence(even: BreakEven) -> str:
    limit = f"{rate_name(even.limit)} requests per second"
    if even.first is None:
        return f"Break-even: none up to {limit}, Lambda alone is the cheaper one."
    if even.last is None:
        first = rate_name(even.first)
        return (
            f"Break-even: none that lasts up to {limit}. Fargate alone gets cheaper at {first}, "
            "but not for good: further tasks, or Lambda's price per volume, turn it again."
        )
    if even.last == 0:
        return "Break-even: none, Fargate alone is the cheaper one at any rate."
    last = f"Break-even: {rate_name(even.last)} requests per second."
    if even.first == even.last:
        return f"{last} Below it Lambda alone is the cheaper one, above it Fargate alone."
    return (
        f"{last} Above it Fargate alone stays the cheaper one, below {rate_name(even.first)} "
        "Lambda alone; between the two it turns with each further task."
    )


def assumptions(estimate: Estimate) -> list[str]:
    """Return what the numbers rest on, a sentence each."""
    model, prices = estimate.model, estimate.model.prices
    function, service, workload = model.function, model.service, model.workload
    lines = [f"List prices of {prices.region} as of {prices.date}, a month of "
             f"{prices.hours_per_month:g} hours."]  # fmt: skip
    if prices.given:
        lines.append(f"From your file: {', '.join(prices.given)}.")
    if workload.busy_hours < 24:
        lines.append(
            f"All requests come within {workload.busy_hours:g} hours of each day; otherwise only "
            "the lowest number of tasks runs."
        )
    else:
        lines.append(
            "Requests come evenly. Quiet nights favour Lambda, as tasks run on: --busy-hours."
        )
    checks = (
        f"each of {NODES} nodes of the ALB checks health every {function.check_interval:g} s, "
        "which is an invocation as long as a request"
        if function.check_interval
        else "no health checks"
    )
    lines.append(f"Lambda ({function.architecture}): {checks}; no cold starts.")
    lines.append(
        f"A task ({service.architecture}): {service.vcpu:g} vCPU, {service.memory} MiB; "
        f"{service.minimum} to {service.maximum} of them. {estimate.capacity}"
    )
    lines.append(_spot_line(model))
    lines.append(
        f"ALB: each request opens a connection, of which {LCU_NEW_CONNECTIONS} a second are one "
        f"LCU, and has {workload.kilobytes:g} kB with its response."
    )
    if model.free_tier:
        lines.append("Lambda's free tier is all this function's: it is the account's.")
    return lines


def _spot_line(model: Model) -> str:
    spot, share = model.service.spot, model.prices["fargate_spot_share"]
    if not spot.share:
        return "No task runs on Spot."
    first = "the first one" if spot.base == 1 else f"the first {spot.base}"
    which = f"Of the tasks after {first}" if spot.base else "Of the tasks"
    grade = model.prices.entries["fargate_spot_share"].grade
    return (
        f"{which} {spot.share * 100:.3g}% run on Spot (an odd one does not), at "
        f"{share * 100:.3g}% of the list price ({'an estimate' if grade == 'estimate' else grade})."
    )


def not_counted(estimate: Estimate) -> list[str]:
    """Return what comes on top, with its price where it has one."""
    model, prices = estimate.model, estimate.model.prices
    logs = estimate.rps * model.seconds / 1e6 * prices["logs_gb"]
    lines = [f"Logs: 1 kB for each request would be ${logs:,.2f}; Lambda adds lines of its own."]
    if model.service.nat_gateways:
        lines.append(
            f"What tasks send and fetch through the NAT gateways, ${prices['nat_gb']:g} per GB: "
            "images, logs, calls to the internet. Answers to the ALB are not among it."
        )
    lines.append("Copilot's KMS key, $1 per application, and private hosted zone, $0.50.")
    lines.append("Data to the internet, ECR, alarms, Container Insights, tax, discounts.")
    return lines


def as_json(estimate: Estimate, even: BreakEven) -> dict[str, Any]:
    """Return all of it as data; money is in USD a month, rates are requests per second."""
    model = estimate.model
    return {
        "rps": estimate.rps,
        "workload": asdict(model.workload),
        "lambda": asdict(model.function),
        "fargate": asdict(model.service) | {"task_usd": model.task_usd()},
        "free_tier": model.free_tier,
        "bills": {
            title: {
                "lines": [asdict(line) for line in bill.lines],
                "total": bill.total,
                "tasks": bill.tasks,
            }
            for title, bill in estimate.bills().items()
        },
        "break_even": asdict(even),
        "answers": answers(estimate, even),
        "assumptions": assumptions(estimate),
        "not_counted": not_counted(estimate),
        "prices": {
            "region": model.prices.region,
            "date": model.prices.date.isoformat(),
            "hours_per_month": model.prices.hours_per_month,
            **{name: asdict(price) for name, price in model.prices.entries.items()},
            **{name: {**asdict(model.prices.entries[name]), "value": tiers}
               for name, tiers in model.prices.tiers.items()},
        },
    }  # fmt: skip
