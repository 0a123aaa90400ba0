"""`portable shift`: moves the weights of the listener, watched by alarms."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portable.commands.options import chosen_environment, project_root, with_environment
from portable.errors import PortableError

if TYPE_CHECKING:
    from portable.shift.signals import Signals
    from portable.shift.stack import Stack
    from portable.shift.view import View

# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackConfiguration.html
LONGEST = 180 * 60  # seconds
MIN_REQUESTS = 40  # twice MinRequests of alb/alarms.yaml: below that an alarm has no minute to use
TO_FIRE = 120  # seconds that an alarm of two periods of a minute needs at least


def _shares(_: click.Context, __: click.Parameter, text: str) -> tuple[int, ...]:
    words = text.split(",")
    shares = [int(word) for word in words if word.isascii() and word.isdecimal() and len(word) < 4]
    rising = all(low < high for low, high in zip([0, *shares], [*shares, 101], strict=False))
    if len(shares) != len(words) or not rising:
        raise PortableError(
            f"--steps is {text!r}, expected rising percents from 1 to 100, as in 10,50,100."
        )
    return tuple(shares)


def _bake(text: str | None, local: bool) -> int:
    from portable.shift.durations import seconds

    bake = seconds(text or ("20s" if local else "5m"), "--bake")
    if local:
        return bake
    if bake % 60 or bake > LONGEST:
        text = f"--bake is {text!r}, expected whole minutes from 0 to 180m: CloudFormation takes no"
        raise PortableError(f"{text} others.")
    if bake < TO_FIRE:
        click.echo(
            f"A bake of less than {TO_FIRE // 60}m ends before the alarms can go off: they need "
            "two periods of a minute.",
            err=True,
        )
    return bake


@click.command(short_help="Move the weights step by step; alarms take them back.")
@with_environment("Environment.")
@click.option(
    "--to",
    type=click.Choice(["lambda", "fargate"]),
    help="The side that gets more of the requests.",
)
@click.option(
    "--steps",
    "shares",
    metavar="PERCENTS",
    default="10,50,100",
    show_default=True,
    callback=_shares,
    help="Its percents of the requests, step by step.",
)
@click.option(
    "--bake",
    metavar="DURATION",
    help="How long the alarms are watched after each step: 90s, 5m, 1h or 0. "
    "Whole minutes on AWS, at most 180m.  [default: 5m; with --local 20s]",
)
@click.option(
    "--min-requests",
    metavar="NUMBER",
    type=click.IntRange(0),
    default=MIN_REQUESTS,
    show_default=True,
    help="Requests that the side must have while a step bakes, for the shift to go on unasked.",
)
@click.option("--yes", is_flag=True, help="Go on with fewer requests, and do not ask.")
@click.option(
    "--clear-triggers",
    is_flag=True,
    help="Remove the rollback triggers that a shift left on the stack, and shift nothing.",
)
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@click.option("--local", is_flag=True, help="Shift a local run instead of AWS.")
@click.option("--port", type=click.IntRange(1, 65535), help="Of the local run.  [default: 8080]")
def shift(
    environment: str | None,
    to: str | None,
    shares: tuple[int, ...],
    bake: str | None,
    min_requests: int,
    yes: bool,
    clear_triggers: bool,
    dry_run: bool,
    local: bool,
    port: int | None,
) -> None:
    """Move the weights of the load balancer step by step and take them back on an alarm.

    Each step is an update of the ALB stack. CloudFormation watches the alarms of both sides in it
    and takes it back when one goes off; the weights from before the shift are then restored.
    """
    from portable.shift.deployment import deployment, write_weights
    from portable.shift.plan import make_plan, refusal
    from portable.shift.shift import INTERRUPTED, Shift
    from portable.shift.signals import ForceQuit, Signals

    if port is not None and not local:
        raise PortableError("--port is of a local run: add --local.")
    if clear_triggers and (to or local):
        text = "it shifts nothing" if to else "a local run keeps none"
        raise PortableError(f"--clear-triggers goes without {'--to' if to else '--local'}: {text}.")
    if not clear_triggers and not to:
        raise click.UsageError("Missing option '--to'. Choose from: lambda, fargate")
    seconds = 0 if clear_triggers else _bake(bake, local)

    def now() -> datetime:
        return datetime.now(UTC)

    signals = Signals()
    stack: Stack  # what follows is only imported for the one that is meant
    if local:
        from portable.shift.local_stack import LocalStack

        stack = LocalStack(port or 8080)
        command = f"portable shift --local --port {port or 8080}"
    else:
        from portable.shift.aws.clients import clients
        from portable.shift.aws.stack import CloudFormationStack

        root = project_root(Path.cwd())
        environment = chosen_environment(root, environment)
        target = deployment(root, environment)
        answers = clients(target.region, target.profile)
        stack = CloudFormationStack(target, answers, signals.wait, now)
        command = f"portable shift --env {environment}"
    try:
        try:
            plan = make_plan(stack, to or "", () if clear_triggers else shares, seconds)
        except PortableError as error:
            raise refusal(error, stack, f"{command} --clear-triggers") from None
        if dry_run or not plan.steps:
            for line in plan.lines():
                click.echo(line)
            return
        with signals:
            outcome = Shift(
                stack,
                plan,
                _view(now),
                signals.wait,
                command
                if min_requests == MIN_REQUESTS
                else f"{command} --min-requests {min_requests}",
                min_requests,
                lambda sentence: yes or _confirm(sentence, signals),
            ).run()
    except (KeyboardInterrupt, ForceQuit):
        raise SystemExit(INTERRUPTED) from None
    written = ""
    if not local and outcome.weights:
        written = write_weights(root, target.place, outcome.weights)
    if outcome.status:
        click.echo(f"portable: {outcome.text}", err=True)
    else:
        click.echo(outcome.text)
    if written:
        click.echo(written, err=True)
    raise SystemExit(outcome.status)


def _confirm(sentence: str, signals: "Signals") -> bool:
    """Ask at the terminal whether to go on; where there is none, nobody can say so."""
    if sys.stdin is None or not sys.stdin.isatty() or not sys.stderr.isatty():
        return False
    click.echo(f"{sentence} Go on? [y/N] ", nl=False, err=True)
    return signals.ask(sys.stdin.fileno()).lower() in ("y", "yes")


def _view(now: "Callable[[], datetime]") -> "View":
    from rich.console import Console

    from portable.shift.view import LiveShiftView, PlainShiftView

    if sys.stderr.isatty():
        return LiveShiftView(Console(stderr=True))
    return PlainShiftView(lambda text: click.echo(text, nl=False, err=True), now)
