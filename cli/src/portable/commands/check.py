"""`portable check`: what can be known to fail before a deployment."""

import json
from pathlib import Path

import click

from portable.commands.options import project_root
from portable.errors import PortableError


@click.command()
@click.option(
    "--env",
    "environments",
    multiple=True,
    help="Environment to check; can be repeated.  [default: all in copilot/environments]",
)
@click.option("--json", "as_json", is_flag=True, help="The outcome as one JSON object.")
def check(environments: tuple[str, ...], as_json: bool) -> None:
    """Find what would fail in a deployment: seconds, no account, no Docker.

    Reads the manifests, renders them with `copilot`, and lints what comes out. Exit status 1
    if there is a fault; a warning is none.
    """
    from tempfile import TemporaryDirectory

    from rich.console import Console

    from portable.check.check import static
    from portable.check.project import ENVIRONMENTS, Project, folders
    from portable.check.report import count, data, show
    from portable.manifests.problem import Severity

    root = project_root(Path.cwd())
    chosen = environments or folders(root)
    if not chosen:
        raise PortableError(f"{ENVIRONMENTS}/ has no environment.")
    with TemporaryDirectory() as rendered:
        outcomes = static(Project(root, chosen, Path(rendered)))
    if as_json:
        click.echo(json.dumps(data(chosen, outcomes), indent=2))
    else:
        show(Console(), outcomes)
    raise SystemExit(1 if count(outcomes, Severity.FAULT) else 0)
