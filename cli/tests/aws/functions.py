"""Lambda: functions, their versions, aliases and permissions. No function is ever run.

Checked: the image of a function is in the registry, and CodeDeploy moves no alias while one of its
alarms is in ALARM.
"""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from tests.aws.actors import Made, OnlySchema, Resource, ResourceFailed
from tests.aws.ecr import Ecr
from tests.aws.errors import AwsError
from tests.aws.service import Service


class Functions(Service):
    """`functions` by name with the template's properties, `versions` with what each was made of,
    `aliases` by ARN with the number of the version, `permissions` by id; `rollouts` has the alarms
    of CodeDeploy by the id of the stack."""

    name = "lambda"

    def __init__(
        self, account: str, region: str, ecr: Ecr, alarm_state: Callable[[str], str | None]
    ) -> None:
        self.prefix = f"arn:aws:lambda:{region}:{account}:function:"
        self.ecr, self.alarm_state = ecr, alarm_state
        self.functions: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, list[dict[str, Any]]] = {}
        self.aliases: dict[str, str] = {}
        self.permissions: dict[str, dict[str, Any]] = {}
        self.rollouts: dict[str, list[str]] = {}
        self.actors = {
            "AWS::Lambda::Function": FunctionActor(self),
            "AWS::Lambda::Version": VersionActor(self),
            "AWS::Lambda::Alias": AliasActor(self),
            "AWS::Lambda::Permission": PermissionActor(self),
            "AWS::CodeDeploy::DeploymentGroup": DeploymentGroupActor(self),
        }

    def arn(self, function: str) -> str:
        """Return the ARN of a function, from its name or ARN, with a version or an alias."""
        return function if function.startswith("arn:") else self.prefix + function

    def may_invoke(self, function: str, principal: str, source: str) -> bool:
        """Say whether a permission lets a service invoke a function or alias, for `source`."""
        return any(
            self.arn(found["FunctionName"]) == self.arn(function)
            and found["Principal"] == principal
            and fnmatchcase(source, found.get("SourceArn", "*"))
            for found in self.permissions.values()
        )

    def get_function(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name, _, alias = parameters["FunctionName"].removeprefix(self.prefix).partition(":")
        number = self.aliases.get(f"{self.arn(name)}:{alias}")
        if number is None:
            text = f"Function not found: {self.arn(parameters['FunctionName'])}"
            raise AwsError("ResourceNotFoundException", text, 404)
        image = self.versions[name][int(number) - 1]["Code"]["ImageUri"]
        code = {"RepositoryType": "ECR", "ImageUri": image}
        return {
            "Configuration": {"FunctionName": name, "Version": number},
            "Code": {**code, "ResolvedImageUri": self.ecr.resolved(image)},
        }

    def check_code(self, properties: dict[str, Any]) -> None:
        """Raise ResourceFailed if the image is not there."""
        image = properties["Code"].get("ImageUri")
        if image and not self.ecr.has(image):
            raise ResourceFailed(
                f"Source image {image} does not exist. Provide a valid source image."
            )


class _Actor(OnlySchema):
    def __init__(self, service: Functions) -> None:
        self.service = service


class FunctionActor(_Actor):
    def create(self, resource: Resource) -> Made:
        name = resource.properties.get("FunctionName", resource.physical_id)
        self.service.check_code(resource.properties)
        if name in self.service.functions:
            raise ResourceFailed(f"Function already exist: {name}")
        self.service.functions[name] = resource.properties
        self.service.versions[name] = []
        return Made(name, {"Arn": self.service.arn(name)})

    def update(self, resource: Resource, before: dict[str, Any]) -> Made:
        self.service.check_code(resource.properties)
        self.service.functions[resource.physical_id] = resource.properties
        return Made()

    def delete(self, resource: Resource) -> None:
        self.service.functions.pop(resource.physical_id, None)
        self.service.versions.pop(resource.physical_id, None)


class VersionActor(_Actor):
    def create(self, resource: Resource) -> Made:
        name = resource.properties["FunctionName"].removeprefix(self.service.prefix)
        versions = self.service.versions[name]
        # Lambda publishes no version of what the last one has already.
        if not versions or versions[-1] != self.service.functions[name]:
            versions.append(self.service.functions[name])
        number = str(len(versions))
        arn = f"{self.service.arn(name)}:{number}"
        return Made(arn, {"Version": number, "FunctionArn": arn})


class AliasActor(_Actor):
    def create(self, resource: Resource) -> Made:
        given = resource.properties
        arn = f"{self.service.arn(given['FunctionName'])}:{given['Name']}"
        self.service.aliases[arn] = given["FunctionVersion"]
        return Made(arn, {"AliasArn": arn})

    def update(self, resource: Resource, before: dict[str, Any]) -> Made:
        alarms = self.service.rollouts.get(resource.stack_id, [])
        firing = [name for name in alarms if self.service.alarm_state(name) == "ALARM"]
        arn, version = resource.physical_id, resource.properties["FunctionVersion"]
        if firing and self.service.aliases[arn] != version:
            raise ResourceFailed(
                "CodeDeploy stopped the deployment as one or more alarms are in ALARM: "
                + ", ".join(firing)
            )
        self.service.aliases[arn] = version
        return Made()

    def delete(self, resource: Resource) -> None:
        self.service.aliases.pop(resource.physical_id, None)


class DeploymentGroupActor(_Actor):
    """The alarms that stop CodeDeploy from moving an alias of the same stack."""

    def create(self, resource: Resource) -> Made:
        found = resource.properties.get("AlarmConfiguration", {})
        alarms = [alarm["Name"] for alarm in found.get("Alarms", [])]
        self.service.rollouts[resource.stack_id] = alarms if found.get("Enabled") else []
        return Made()

    def update(self, resource: Resource, before: dict[str, Any]) -> Made:
        return self.create(resource)


class PermissionActor(_Actor):
    def create(self, resource: Resource) -> Made:
        self._put(resource)
        return Made()

    def update(self, resource: Resource, before: dict[str, Any]) -> Made:
        self._put(resource)
        return Made()

    def delete(self, resource: Resource) -> None:
        self.service.permissions.pop(self._key(resource), None)

    def _put(self, resource: Resource) -> None:
        arn = self.service.arn(resource.properties["FunctionName"])
        name, _, qualifier = arn.removeprefix(self.service.prefix).partition(":")
        if name not in self.service.functions or (qualifier and arn not in self.service.aliases):
            raise ResourceFailed(f"Function not found: {arn}")
        self.service.permissions[self._key(resource)] = resource.properties

    def _key(self, resource: Resource) -> str:
        return f"{resource.stack_id}/{resource.logical_id}"
