"""The service that is deployed to an environment, as a one-off task has to know it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portable.check.account.session import Account
from portable.errors import PortableError
from portable.leftovers.service import Service
from portable.manifests.copilot_manifest import services
from portable.shift.aws.errors import NoStack

ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/(?P<name>.+)")


@dataclass(frozen=True)
class DeployedService:
    """A service of ECS: `definition` is the task definition that it runs, as ECS describes it."""

    name: str
    arn: str
    cluster: str
    network: dict[str, Any]
    platform: str
    definition: dict[str, Any]

    @property
    def container(self) -> dict[str, Any]:
        """The container of the app, which Copilot calls as it calls the service."""
        found: dict[str, Any] = next(
            each for each in self.definition["containerDefinitions"] if each["name"] == self.name
        )
        return found


def deployed(account: Account, names: Service, root: Path) -> DeployedService:
    """Return the service of the project in `root`; raise `PortableError` where there is none."""
    paths = services(root)
    if len(paths) != 1:
        raise PortableError(f"copilot/ has {len(paths)} services (*/manifest.yml), expected 1.")
    name = paths[0].split("/")[1]
    stack = f"{names.application}-{names.environment}-{name}"
    nothing = (
        f"{names.environment} has no service {name} in {account.region}, and a task is one of its: "
        f"`copilot svc deploy --name {name} --env {names.environment}` deploys it."
    )
    try:
        answer = account.ask("cloudformation", "describe_stack_resources", StackName=stack)
    except NoStack:
        raise PortableError(nothing) from None
    arns = [
        resource.get("PhysicalResourceId", "")
        for resource in answer["StackResources"]
        if resource["ResourceType"] == "AWS::ECS::Service"
    ]
    if not any(arns):
        raise PortableError(nothing)
    [arn] = arns
    cluster = arn.split("/")[1]
    answer = account.ask("ecs", "describe_services", cluster=cluster, services=[arn])
    active = [each for each in answer["services"] if each["status"] == "ACTIVE"]
    if not active:
        raise PortableError(nothing)
    [service] = active
    definition = account.ask(
        "ecs", "describe_task_definition", taskDefinition=service["taskDefinition"]
    )["taskDefinition"]
    return DeployedService(
        name,
        arn,
        cluster,
        service["networkConfiguration"],
        service.get("platformVersion", "LATEST"),
        definition,
    )


def image(account: Account, service: DeployedService, tag: str | None) -> str:
    """Return the image by digest: the one that the service's tasks run, or the one with `tag`.

    Raises `PortableError` where the repository has no such image.
    """
    uri = service.container["image"]
    name, at, digest = uri.partition("@")
    repository = name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name
    own = name.removeprefix(repository).removeprefix(":") or "latest"
    if tag is None:
        digest = digest if at else _running(account, service)
        if digest:
            return f"{repository}@{digest}"
    found = ECR.fullmatch(repository)
    if found is None:
        raise PortableError(f"{uri} is not in ECR, so nothing says which image that is now.")
    answer = account.find(
        "ImageNotFoundException",
        "ecr",
        "describe_images",
        registryId=found["account"],
        repositoryName=found["name"],
        imageIds=[{"imageTag": tag or own}],
    )
    if answer is None:
        raise PortableError(f"{found['name']} in {account.region} has no image {tag or own!r}.")
    return f"{repository}@{answer['imageDetails'][0]['imageDigest']}"


def _running(account: Account, service: DeployedService) -> str:
    """Return the digest that a task of the service runs, nothing where none runs.

    The tag may be another image's by now.
    """
    where = {"cluster": service.cluster}
    arns = account.ask("ecs", "list_tasks", **where, serviceName=service.arn)["taskArns"]
    if not arns:
        return ""
    tasks = account.ask("ecs", "describe_tasks", **where, tasks=arns[:100])["tasks"]
    for task in tasks:
        if task.get("taskDefinitionArn") != service.definition["taskDefinitionArn"]:
            continue
        for container in task.get("containers", []):
            if container["name"] == service.name and container.get("imageDigest"):
                return str(container["imageDigest"])
    return ""
