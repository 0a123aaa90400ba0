"""What Copilot has on record of the application, in the parameter store.

https://aws.github.io/copilot-cli/docs/concepts/applications/
"""

import json
from collections.abc import Iterator

from portable.check.account.session import Account
from portable.check.project import Project
from portable.manifests.problem import Problem, Severity


def records(account: Account, project: Project) -> Iterator[Problem]:
    """Yield what is not initialised, and what is so in another account or region."""
    number, _ = account.identity
    application = project.application
    record = _read(account, f"/copilot/applications/{application}")
    if record is None:
        text = f"The application {application!r} is not there yet."
        yield Problem(text, f"`copilot app init {application}` makes it.", Severity.WARNING)
        return
    if record.get("account", number) != number:
        text = f"The application {application!r} is of account {record['account']}, but the "
        yield Problem(f"{text}credentials are of {number}.", "Use those of that account.")
    for environment in project.environments:
        path = f"/copilot/applications/{application}/environments/{environment}"
        record = _read(account, path)
        if record is None:
            text = f"The environment {environment!r} is not there yet."
            fix = f"`copilot env init --name {environment}` makes it."
            yield Problem(text, fix, Severity.WARNING)
            continue
        for key, seen in (("region", account.region), ("accountID", number)):
            if record.get(key, seen) != seen:
                text = f"Copilot deploys {environment} to {record[key]}, `sam` to {seen}."
                yield Problem(text, "Use the region and the credentials of the environment.")
    for service in project.services:
        if _read(account, f"/copilot/applications/{application}/components/{service}") is None:
            text = f"The service {service!r} is not there yet."
            fix = f"`copilot svc init --name {service}` makes it."
            yield Problem(text, fix, Severity.WARNING)


def _read(account: Account, name: str) -> dict[str, str] | None:
    answer = account.find("ParameterNotFound", "ssm", "get_parameter", Name=name)
    if answer is None:
        return None
    record: dict[str, str] = json.loads(answer["Parameter"]["Value"])
    return record
