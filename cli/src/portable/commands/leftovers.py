"""`portable leftovers`: what a teardown leaves in the account."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portable.commands.options import chosen_environment, project_root, with_environment
from portable.errors import PortableError

if TYPE_CHECKING:
    from portable.leftovers.leftover import Leftover, Needs


@click.command(short_help="List what a teardown left in the account.")
@with_environment("Environment that was torn down.")
@click.option("--delete", is_flag=True, help="Delete each of them, after a question.")
@click.option("--data", is_flag=True, help="With --delete: also tables, secrets and parameters.")
@click.option(
    "--shared",
    is_flag=True,
    help="With --delete: also the stack and the bucket of `sam`, which all its projects share.",
)
@click.option("--yes", is_flag=True, help="With --delete: do not ask.")
def leftovers(environment: str | None, delete: bool, data: bool, shared: bool, yes: bool) -> None:
    """List what is left in the account of an environment, once it is torn down.

    Exit status 0 if nothing is; with --delete if nothing is but data that was to stay. What other
    projects of the account share does not count, unless --shared is given.
    """
    from portable.check.account.session import account
    from portable.leftovers.leftover import Needs
    from portable.leftovers.search import search
    from portable.leftovers.service import service
    from portable.manifests.system import WORKSPACE

    for option, given in (("--data", data), ("--shared", shared), ("--yes", yes)):
        if given and not delete:
            raise PortableError(f"{option} says what --delete does: add --delete.")
    root = project_root(Path.cwd())
    ours = service(root, chosen_environment(root, environment))
    theirs = account(ours.region, ours.profile)
    number, _ = theirs.identity
    found = list(search(theirs, ours, root))
    place = f"account {number}, {theirs.region}"
    if not (root / WORKSPACE).exists():
        text = f"{WORKSPACE} is not there: `copilot app delete` deletes it, and"
        click.echo(f"{text} `git checkout {WORKSPACE}` brings it back.", err=True)
    if not found:
        click.echo(f"Nothing is left of {ours.application} {ours.environment} in {place}.")
        return
    click.echo(f"Left of {ours.application} {ours.environment} in {place}:")
    for each in found:
        click.echo(f"  {each.kind} {each.name}\n    {each.why}{_how(each)}")
    granted = {Needs.DELETE} | {
        need for need, given in ((Needs.DATA, data), (Needs.SHARED, shared)) if given
    }
    kept = [each for each in found if not (delete and _gone(each, granted, yes))]
    ignored = {Needs.SHARED} - granted | ({Needs.DATA} - granted if delete else set())
    counted = [each for each in kept if each.needs not in ignored]
    if delete:
        click.echo(f"{len(found) - len(kept)} of {len(found)} deleted.")
    raise SystemExit(1 if counted else 0)


def _how(each: "Leftover") -> str:
    from portable.leftovers.leftover import Needs

    if each.remove is None:
        return f": `{each.command}` deletes it"
    if each.needs is Needs.DELETE:
        return ""
    return f"; deleted with {Needs.DELETE} {each.needs} only"


def _gone(each: "Leftover", granted: "set[Needs]", yes: bool) -> bool:
    """Delete it, if it may be and the user says so; return whether it is gone."""
    if each.remove is None or each.needs not in granted:
        return False
    if not (yes or _confirm(each)):
        return False
    try:
        each.remove()
    except PortableError as error:  # what is left may still go
        error.show()
        return False
    click.echo(f"Deleted {each.kind} {each.name}.")
    return True


def _confirm(each: "Leftover") -> bool:
    click.echo(f"Delete {each.kind} {each.name}? [y/N] ", nl=False, err=True)
    answer = sys.stdin.readline() if sys.stdin else ""
    if not answer:
        click.echo(err=True)
        raise PortableError("nobody answers whether to delete it: add --yes to delete unasked.")
    return answer.strip().lower() in ("y", "yes")
