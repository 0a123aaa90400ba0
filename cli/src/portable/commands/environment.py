"""`portable env` and `portable rename`: what a service consists of, changed in all its files."""

from pathlib import Path

import click

from portable.commands.options import chosen_environment, project_root
from portable.errors import PortableError


@click.group(name="env")
def environment() -> None:
    """The environments of the service."""


@environment.command(short_help="Add an environment to all files.")
@click.argument("name")
@click.option("--like", metavar="ENV", help="What it is a copy of.  [default: the first one]")
def add(name: str, like: str | None) -> None:
    """Add an environment: its sections in samconfig.toml, and what Copilot has of it.

    Everything is copied, so look through its values, such as a certificate. Exit status 1, and
    nothing is changed, if there is an environment of this name or the name is not accepted.
    """
    from portable.service import environments

    root = project_root(Path.cwd())
    source = chosen_environment(root, like)
    try:
        changed = environments.add(root, name, source)
    except ValueError as error:
        raise PortableError(str(error)) from None
    click.echo(f"{name} is a copy of {source}: look through {', '.join(changed)}.")
    click.echo(f"Deploy it with `make deploy ENV={name}`.")


@click.command()
@click.argument("name")
def rename(name: str) -> None:
    """Give the service another name, before its first deployment.

    All stacks are named for it: what is deployed under the old name stays as it is. Exit status
    1, and nothing is changed, for a name that is not accepted.
    """
    from portable.service import names

    root = project_root(Path.cwd())
    try:
        changed = names.rename(root, name)
    except ValueError as error:
        raise PortableError(str(error)) from None
    click.echo(f"The service is {name} now, in {', '.join(changed)}." if changed else "No change.")
