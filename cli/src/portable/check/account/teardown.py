"""What stands in the way of deleting an environment, before anything of it is gone.

CloudFormation deletes a stack from its leaves on: of one whose load balancer is protected only the
load balancer stays, without its listeners.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#deletion-protection
"""

from collections.abc import Iterator
from functools import partial

from portable.check.account.session import Account, account
from portable.check.outcome import Outcome, outcome
from portable.check.project import Project
from portable.manifests.problem import Problem
from portable.manifests.system import ALB

PARAMETER = "DeletionProtection"


def teardown(project: Project) -> list[Outcome]:
    """Ask the account what refuses to be deleted; raise `PortableError` without credentials."""
    check = partial(protected, account())
    return [outcome("teardown", "nothing is protected", check, project)]


def protected(account: Account, project: Project) -> Iterator[Problem]:
    """Yield the load balancers that are protected now, whatever samconfig.toml says."""
    found = {
        stack["StackName"]: {
            each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])
        }
        for stack in account.pages("cloudformation", "describe_stacks", "Stacks")
    }
    for environment in project.environments:
        section = project.section(ALB, environment)
        stack = section.settings.get("stack_name") if section else None
        if section and found.get(stack, {}).get(PARAMETER) == "enabled":
            yield Problem(
                f"The load balancer of the stack {stack} is protected from deletion.",
                f'Set {PARAMETER} = "disabled" in [{section.name}] of samconfig.toml, and give '
                f"`sam deploy --config-env {section.name}` first.",
            )
