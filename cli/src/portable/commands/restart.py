"""`portable restart`: new code on both sides of the local run, as a deployment does."""

import click

from portable.commands.options import with_port


@click.command(short_help="Replace every task of the local run.")
@with_port
def restart(port: int) -> None:
    """Replace the targets of the local run, as a deployment of both sides does.

    New tasks start and pass a health check, then the old ones are deregistered, finish their
    requests, and get SIGTERM. New invocations of the function get new sandboxes.
    """
    from portable.local.operate.control import ask

    click.echo("Replacing the targets; the old ones finish their requests first.", err=True)
    answer = ask(port, "restart", timeout=None)
    healthy = ", ".join(f"{side} {targets}" for side, targets in answer["targets"].items())
    click.echo(f"Both sides run the new code; healthy targets: {healthy}.")
