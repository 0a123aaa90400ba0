"""`portable fault`: make one side of the local run fail, to see what happens then."""

import click

from portable.commands.options import with_port
from portable.weights import SIDES


@click.command(short_help="Make one side of the local run fail.")
@click.argument("side", type=click.Choice(SIDES))
@click.option(
    "--errors",
    metavar="PERCENT",
    type=click.FloatRange(0, 100),
    help="Share of the answers that become a 500. Without it all targets of SIDE are killed.",
)
@click.option("--clear", is_flag=True, help="End what was done to SIDE.")
@with_port
def fault(side: str, errors: float | None, clear: bool, port: int) -> None:
    """Make one side of the local run fail: all its targets die, or part of its answers are errors.

    It stays like that until `--clear`. Lambda's targets die as with a reserved concurrency of 0.
    """
    from portable.errors import PortableError
    from portable.local.operate.control import ask

    if clear and errors is not None:
        raise PortableError("--errors and --clear exclude each other.")
    answer = ask(port, "fault", timeout=120, side=side, errors=errors, clear=clear)
    if clear:
        done = "answers again"
    elif errors is None:
        done = "is down"
    else:
        done = f"fails {errors:g} % of its requests"
    click.echo(f"{side} {done}; healthy targets: {answer['targets']}.")
