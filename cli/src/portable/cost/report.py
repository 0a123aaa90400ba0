"""Shows a month's cost: a table, the break-even, a chart and what was assumed."""

import textwrap

from rich.console import Console
from rich.table import Table
from rich.text import Text

from portable.cost.break_even import BreakEven, break_even
from portable.cost.chart import ASCII, UNICODE, chart, nice
from portable.cost.estimate import (
    Estimate,
    answers,
    assumptions,
    not_counted,
    rate_name,
    split_name,
)
from portable.cost.model import Bill

WIDTH = 96
_SIDES = {"lambda": "Lambda", "fargate": "Fargate", "shared": "Load balancer"}


def show(estimate: Estimate, console: Console) -> None:
    """Print everything, in characters that the console's encoding has."""
    model, rps, workload = estimate.model, estimate.rps, estimate.model.workload
    bills, even = estimate.bills(), break_even(estimate.model)
    console.print(
        f"USD a month at {rps:g} requests per second, {rps * model.seconds / 1e6:,.4g} million "
        f"a month, {workload.ms:g} ms each with {model.function.memory} MB\n",
        highlight=False,
    )
    with console.capture() as capture:  # a table pads its lines with spaces
        console.print(_table(bills))
    for line in capture.get().splitlines():
        console.print(Text.from_ansi(line.rstrip()))
    share = split_name(estimate.weights.share("lambda"))
    console.print(
        f"Shares are Lambda's and Fargate's in percent; {share} is what samconfig.toml has.",
        highlight=False,
    )
    _print_list(console, "What it says", answers(estimate, even))
    console.print(Text("\nUSD a month", style="bold"))
    lines = chart(
        lambda rate: model.lambda_alone(rate).total,
        lambda rate: model.fargate_alone(rate).total,
        _marks(even, rps),
        nice(max(1.25 * rps, 1.6 * (even.last or even.first or 0))),
        min(console.width, WIDTH),
        ASCII if console.options.ascii_only else UNICODE,
    )
    console.print(Text("\n".join(lines)), no_wrap=True, crop=False, overflow="ignore")
    _print_list(console, "Assumed", assumptions(estimate))
    _print_list(console, "Not counted", not_counted(estimate))


def _marks(even: BreakEven, rps: float) -> dict[str, float]:
    marks = {f"--rps {rps:g}": rps}
    if even.last:
        marks[f"break-even {rate_name(even.last)}"] = even.last
    return dict(sorted(marks.items(), key=lambda mark: mark[1]))


def _table(bills: dict[str, Bill]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column()
    for title in bills:
        heading = title.replace(" alone", "\nalone").replace("both, ", "both at\n")
        table.add_column(heading, justify="right", no_wrap=True)
    for side, heading in _SIDES.items():
        table.add_row(Text(heading, style="bold"))
        names = [line.name for bill in bills.values() for line in bill.lines if line.side == side]
        for name in dict.fromkeys(names):
            table.add_row(f"  {name}", *(_amount(bill, name) for bill in bills.values()))
    cheapest = min(bill.total for bill in bills.values())
    totals = (
        Text(f"{bill.total:,.2f}", style="bold green" if bill.total == cheapest else "bold")
        for bill in bills.values()
    )
    table.add_row(Text("Total", style="bold"), *totals)
    table.add_row("Tasks that run", *(str(bill.tasks or "") for bill in bills.values()))
    return table


def _amount(bill: Bill, name: str) -> str:
    amounts = [line.usd for line in bill.lines if line.name == name]
    return f"{sum(amounts):,.2f}" if amounts else ""


def _print_list(console: Console, title: str, items: list[str]) -> None:
    console.print()
    console.print(Text(title, style="bold"))
    for item in items:
        lines = textwrap.wrap(item, min(console.width, WIDTH) - 2, break_on_hyphens=False)
        console.print(Text(textwrap.indent("\n".join(lines), "  ")))
