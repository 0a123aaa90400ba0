"""`portable task`: one command in the image, such as a migration."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portable.commands.options import (
    chosen_environment,
    project_root,
    variable_option,
    with_environment,
)
from portable.errors import PortableError

if TYPE_CHECKING:
    from portable.task.fargate_task import FargateTask


@click.command(
    short_help="Run one command as a task of the service does.",
    context_settings={"allow_interspersed_args": False},  # the options of COMMAND are its own
)
@with_environment("Environment.")
@click.option(
    "--tag",
    help="Image with this tag in the service's repository.  [default: what the service runs]",
)
@variable_option("Environment variable besides those of the service; can be repeated.")
@click.option(
    "--timeout",
    metavar="DURATION",
    default="1h",
    show_default=True,
    help="The task is stopped after 90s, 5m, 1h; 0: never.",
)
@click.option("--local", is_flag=True, help="On this machine, with the data of the local run.")
@click.option("--port", type=click.IntRange(1, 65535), help="Of the local run.  [default: 8080]")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND...")
def task(
    environment: str | None,
    tag: str | None,
    variables: dict[str, str],
    timeout: str,
    local: bool,
    port: int | None,
    command: tuple[str, ...],
) -> None:
    """Run COMMAND in the image, with network, role, variables and secrets of the service.

    On AWS it is a task of its own on Fargate, with --local a process of this machine. What it
    writes goes to standard output, and its exit status is that of this command. Ctrl-C stops it.
    """
    from portable.shift.durations import seconds

    if not command:
        example = "portable task -- python -m alembic upgrade head"
        raise PortableError(f"there is no command: give one after --, as in `{example}`.")
    if local and tag:
        raise PortableError("--tag is of an image on AWS: --local runs what is in src.")
    if port is not None and not local:
        raise PortableError("--port is of a local run: add --local.")
    limit = seconds(timeout, "--timeout")
    root = project_root(Path.cwd())
    environment = chosen_environment(root, environment)
    if local:
        import asyncio

        from portable.task.local_task import LocalTask

        there = LocalTask(root, environment, port or 8080, command, variables, limit)
        raise SystemExit(asyncio.run(there.run(lambda _, line: _show(line), _say)))
    from portable.check.account.session import account
    from portable.leftovers.service import service
    from portable.task.deployed import deployed, image
    from portable.task.fargate_task import FargateTask

    names = service(root, environment)
    theirs = account(names.region, names.profile)
    found = deployed(theirs, names, root)
    raise SystemExit(
        _follow(FargateTask(theirs, found, image(theirs, found, tag), command, variables), limit)
    )


def _follow(task: "FargateTask", limit: int) -> int:
    """Run `task` to its end, and return the exit status."""
    from portable.shift.signals import ForceQuit, Signals
    from portable.task import INTERRUPTED
    from portable.task.follow import follow

    signals = Signals()
    try:
        with signals:
            task.start()
            _say(f"The {task.name} runs {task.image}.")
            return follow(task, _show, _say, signals.wait, time.monotonic, limit)
    except ForceQuit:
        if task.arn:
            _say(f"Nobody watches the {task.name} any more; this stops it: `{task.by_hand}`.")
        return INTERRUPTED
    finally:
        try:
            task.clean()
        except PortableError as error:  # what counts is the command
            _say(f"{task.definition} stays: {error.message}")


def _show(line: str) -> None:
    try:
        click.echo(line)
    except BrokenPipeError:  # nobody reads it any more, and the task has to go on
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - as long as the command


def _say(sentence: str) -> None:
    click.echo(sentence, err=True)
