"""`make bench`: measures, prints tables, writes cli/docs/performance.md."""

import importlib
import sys

import click
from rich.console import Console

from benchmarks import machine, report, table
from benchmarks.measure import Measure, Result, take

# In the order in which they run and are reported; each has a list MEASURES.
MODULES = (
    "adapter",
    "emulator",
    "cold_start",
    "lifespan",
    "memory",
    "server",
    "server_memory",
    "image",
    "listener",
    "growth",
    "growth_server",
    "tracing",
)


class NotReady(click.ClickException):
    """Something that a measure needs is not there."""


def measures() -> list[Measure]:
    """Return every measure."""
    modules = [importlib.import_module(f"benchmarks.{name}") for name in MODULES]
    return [measure for module in modules for measure in module.MEASURES]


def selected(names: tuple[str, ...]) -> list[Measure]:
    """Return the measures of these names, all where none is named."""
    known = list(dict.fromkeys(measure.name for measure in measures()))
    for name in names:
        if name not in known:
            raise NotReady(f"there is no measure {name!r}: it should be {', '.join(known)}.")
    return [measure for measure in measures() if measure.name in (names or known)]


def run(measure: Measure, rounds: int | None, quick: bool) -> Result:
    """Take a measure's samples, with the progress on standard error."""
    count = 2 if quick else rounds or measure.rounds
    status = Console(stderr=True).status(measure.title)
    with status:
        return take(
            measure,
            count,
            quick,
            lambda done: status.update(f"{measure.title}: {done} of {count}"),
        )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", multiple=True, metavar="NAME", help="Run this measure (repeatable).")
@click.option("--rounds", type=click.IntRange(2), help="Samples of each candidate.")
@click.option("--quick", is_flag=True, help="Tiny samples, to see that it works.")
@click.option("--list", "listed", is_flag=True, help="Show the measures and end.")
def main(only: tuple[str, ...], rounds: int | None, quick: bool, listed: bool) -> None:
    """Measure what the project costs, next to the alternative and to the floor."""
    chosen = selected(only)
    if listed:
        names = {measure.name: measure.title for measure in reversed(chosen)}
        for name, title in reversed(names.items()):
            click.echo(f"{name:18} {title}")
        return
    if sys.platform != "linux":
        raise NotReady("the runtime client, the emulator and /proc are there on Linux only.")
    console = Console()
    load = machine.load()
    results = []
    left_out = False
    for measure in chosen:
        if missing := measure.missing():
            click.echo(f"{measure.name} is left out: {missing}", err=True)
            left_out = True
            continue
        try:
            results.append(run(measure, rounds, quick))
        except Exception as error:  # what has been measured so far is not lost for it
            click.echo(f"{measure.name} is left out: it failed with {error!r}", err=True)
            left_out = True
            continue
        console.print(table.terminal(results[-1]))
        for sentence, _ in table.goals(results[-1]):
            console.print(sentence, highlight=False)
    conditions = machine.describe() | {"load": f"{load:.2f} before, {machine.load():.2f} after"}
    click.echo(f"The figures are in {report.write_json(results, conditions)}.", err=True)
    if only or quick or left_out:
        click.echo(
            "cli/docs/performance.md is as it was: it is of a run of all measures.", err=True
        )
    else:
        report.write(results, conditions)
        click.echo("Wrote cli/docs/performance.md, its chart and its data.", err=True)
    missed = [sentence for result in results for sentence, ok in table.goals(result) if not ok]
    sys.exit(1 if (missed or left_out) and not quick else 0)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
