"""`portable restart`: replace the tasks of the local run, as an ECS deployment does."""

import click

from portable.commands.options import with_port


@click.command(short_help="Replace every task of the local run.")
@with_port
def restart(port: int) -> None:
    """Replace every task of the local run, as ECS deploys a new version.

    New tasks start and pass a health check, then the old ones are deregistered, finish their
    requests, and get SIGTERM.
    """
    from portable.local.operate.control import ask

    click.echo("Replacing the tasks; the old ones finish their requests first.", err=True)
    answer = ask(port, "restart", timeout=None)
    click.echo(f"The tasks are replaced; healthy targets: {answer['targets']}.")
