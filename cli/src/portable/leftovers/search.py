"""Everything in the account that is of one environment of the service."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from portable.check.account.session import Account
from portable.leftovers.leftover import Leftover, Needs
from portable.leftovers.removal import delete_application, delete_stack
from portable.leftovers.retained import retained
from portable.leftovers.service import Service

# https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-cli-command-reference-sam-deploy.html
SAM_STACK = "aws-sam-cli-managed-default"
APPLICATION, ENVIRONMENT = "copilot-application", "copilot-environment"  # Copilot's tags
SERVICE = "copilot-service"


def search(account: Account, service: Service, root: Path) -> Iterator[Leftover]:
    """Yield what is there, in the order in which it can go.

    Raises `PortableError` for an answer of AWS that says no.
    """
    stacks = {
        stack["StackName"]: _tags(stack)
        for stack in account.pages("cloudformation", "describe_stacks", "Stacks")
    }
    copilot = {
        name: tags
        for name, tags in stacks.items()
        if (tags.get(APPLICATION), tags.get(ENVIRONMENT))
        == (service.application, service.environment)
    }
    yield from _deployed(service, stacks, copilot)
    companions = service.companions()
    for own, name in companions.items():
        if name in stacks and own not in stacks:
            why = f"images of {own}, kept as `sam delete` was answered with No"
            yield Leftover("stack", name, why, partial(delete_stack, account, name))
    made = _copilot_stacks(service)
    yield from retained(account, {*companions, *companions.values(), *made}, stacks)
    yield from _log_groups(account, made, stacks)
    yield from _secrets(account, service)
    yield from _application(account, service, root)
    if SAM_STACK in stacks:
        why = "with its bucket, shared with all other projects of the account that `sam` deploys"
        remove = partial(delete_stack, account, SAM_STACK)
        yield Leftover("stack", SAM_STACK, why, remove, needs=Needs.SHARED)


def _tags(stack: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}


def _deployed(
    service: Service, stacks: dict[str, dict[str, str]], copilot: dict[str, dict[str, str]]
) -> Iterator[Leftover]:
    """Yield the stacks that the commands of the teardown delete, in their order."""
    why = "still deployed"
    for name, tags in copilot.items():
        if SERVICE in tags:
            command = f"copilot svc delete --name {tags[SERVICE]} --env {service.environment}"
            yield Leftover("stack", name, why, command=command)
    for name, command in service.stacks().items():
        if name in stacks:
            yield Leftover("stack", name, why, command=command)
    for name, tags in copilot.items():
        if SERVICE not in tags:
            command = f"copilot env delete --name {service.environment}"
            yield Leftover("stack", name, why, command=command)


def _copilot_stacks(service: Service) -> list[str]:
    """Return the names that Copilot gives to the stacks of the environment and its services."""
    prefix = f"{service.application}-{service.environment}"
    return [prefix, *(f"{prefix}-{name}" for name in service.copilot_services)]


def _log_groups(
    account: Account, made: list[str], stacks: dict[str, dict[str, str]]
) -> Iterator[Leftover]:
    """Yield those that no template has: Lambda and ECS make them at the first line.

    Their names have the stack's, the logical id and a random end.
    """
    for start, end in (("/aws/lambda/", ""), ("/aws/ecs/containerinsights/", "/performance")):
        groups = account.pages(
            "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=f"{start}{made[0]}-"
        )
        for name in (str(group["logGroupName"]) for group in groups):
            found = re.fullmatch(rf"{start}(.+)-[A-Z]\w*-\w+{end}", name)
            if found and found[1] in made and found[1] not in stacks:
                delete = partial(account.ask, "logs", "delete_log_group", logGroupName=name)
                why = "made at the first line in it, so that no stack has it"
                yield Leftover("log group", name, why, partial(_do, delete))


def _secrets(account: Account, service: Service) -> Iterator[Leftover]:
    """Yield what `copilot secret init` has made, which no command of Copilot's deletes."""
    path = f"/copilot/{service.application}/{service.environment}/secrets"
    for each in account.pages("ssm", "get_parameters_by_path", "Parameters", Path=path):
        delete = partial(account.ask, "ssm", "delete_parameter", Name=each["Name"])
        why = "made by `copilot secret init`"
        yield Leftover("parameter", each["Name"], why, partial(_do, delete), needs=Needs.DATA)


def _application(account: Account, service: Service, root: Path) -> Iterator[Leftover]:
    """Yield Copilot's application, unless an environment of it is there."""
    name = f"/copilot/applications/{service.application}"
    if account.find("ParameterNotFound", "ssm", "get_parameter", Name=name) is None:
        return
    records = account.pages(
        "ssm", "get_parameters_by_path", "Parameters", Path=f"{name}/environments"
    )
    if not records:
        why = "Copilot's records, its stack set and its roles; no environment is left in it"
        remove = partial(delete_application, account, service, root)
        yield Leftover("application", service.application, why, remove)


def _do(delete: partial[dict[str, Any]]) -> None:
    delete()
