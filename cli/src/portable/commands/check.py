"""`portable check`: what can be known to fail before a deployment."""

import json
from pathlib import Path

import click

from portable.commands.options import project_root
from portable.errors import PortableError


@click.command(short_help="Find what would fail in a deployment.")
@click.option(
    "--env",
    "environments",
    multiple=True,
    help="Environment to check; can be repeated.  [default: all in copilot/environments]",
)
@click.option("--aws", "ask", is_flag=True, help="Ask the account, too; it is only read.")
@click.option("--teardown", is_flag=True, help="Ask the account what refuses to be deleted.")
@click.option("--json", "as_json", is_flag=True, help="The outcome as one JSON object.")
def check(environments: tuple[str, ...], ask: bool, teardown: bool, as_json: bool) -> None:
    """Find what would fail in a deployment: seconds, no account, no Docker.

    Reads the manifests, renders them with `copilot`, and lints what comes out. Exit status 1
    if there is a fault; a warning is none. With --aws it uses your credentials, and Docker has
    to be there. With --teardown it only asks what stands in the way of a deletion.
    """
    from tempfile import TemporaryDirectory

    from rich.console import Console

    from portable.check.outcome import Status
    from portable.check.project import ENVIRONMENTS, Project, folders
    from portable.check.report import count, data, show
    from portable.check.static import static
    from portable.manifests.problem import Severity

    root = project_root(Path.cwd())
    chosen = environments or folders(root)
    if not chosen:
        raise PortableError(f"{ENVIRONMENTS}/ has no environment.")
    with TemporaryDirectory() as rendered:
        project = Project(root, chosen, Path(rendered))
        if teardown:
            from portable.check.account.teardown import teardown as of_teardown

            outcomes = of_teardown(project)
        else:
            outcomes = static(project, Severity.FAULT if ask else Severity.WARNING)
        if ask and not teardown:
            from portable.check.account.checks import of_account  # boto3 takes a while to import

            passed = {one.check for one in outcomes if one.status is Status.PASSED}
            outcomes += of_account(project, "copilot package" in passed)
    if as_json:
        click.echo(json.dumps(data(chosen, outcomes), indent=2))
    else:
        show(Console(), outcomes)
    raise SystemExit(1 if count(outcomes, Severity.FAULT) else 0)
