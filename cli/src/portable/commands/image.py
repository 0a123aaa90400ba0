"""`portable image`: which image the Lambda side runs."""

from pathlib import Path

import click

from portable.commands.options import chosen_environment, project_root, with_environment
from portable.errors import PortableError


@click.command(short_help="Print the image that the Lambda side runs.")
@with_environment("Environment whose function is asked.")
def image(environment: str | None) -> None:
    """Print the image of the function's alias by its digest, to deploy the same to Fargate.

    It asks the account, with your credentials, and changes nothing.
    """
    from portable.check.account.session import account
    from portable.deployed_image import deployed_image
    from portable.leftovers.service import service
    from portable.manifests.system import SAM

    root = project_root(Path.cwd())
    chosen = chosen_environment(root, environment)
    ours = service(root, chosen)
    stacks = [each.settings.get("stack_name") for each in ours.sections if each.template == SAM]
    if not stacks or not stacks[0]:
        raise PortableError(f"samconfig.toml names no stack for {SAM} in {chosen!r}.")
    click.echo(deployed_image(account(ours.region, ours.profile), str(stacks[0])))
