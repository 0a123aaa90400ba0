"""The checks that ask the account, which all read."""

from functools import partial

from portable.check.account.exports import exports, states
from portable.check.account.identity import identity
from portable.check.account.quotas import quotas
from portable.check.account.records import records
from portable.check.account.session import account
from portable.check.outcome import Outcome, outcome, skipped
from portable.check.project import Project
from portable.errors import PortableError
from portable.manifests.problem import Problem

NAMES = ("copilot's records", "stacks", "exports", "quotas")


def of_account(project: Project, rendered: bool) -> list[Outcome]:
    """Run every check that asks the account.

    `rendered` says whether what Copilot renders is in the project's folder for it. Without
    credentials and a region the other checks are skipped.
    """
    try:
        found = account()
        number, arn = found.identity
    except PortableError as error:
        who = Outcome("identity", "", (Problem(error.message),))
        return [who, *map(skipped, NAMES)]
    what = f"{arn.rpartition(':')[2]} of {number} in {found.region}"
    checks = (
        ("identity", what, identity, True),
        ("copilot's records", "application, environments, services", records, True),
        ("stacks", "each takes an update", states, rendered),
        ("exports", "each that is imported is there", exports, rendered),
        ("quotas", "executions, vCPU, addresses", quotas, True),
    )
    return [
        outcome(name, text, partial(check, found), project) if possible else skipped(name)
        for name, text, check, possible in checks
    ]
