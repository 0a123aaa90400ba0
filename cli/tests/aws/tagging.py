"""The resource groups tagging API: who has which tags."""

from typing import Any

from tests.aws.actors import Resource
from tests.aws.cloudformation import CloudFormation
from tests.aws.service import Service


class Tagging(Service):
    """Stacks by what CloudFormation says, other resources by `tagged`, tags by ARN."""

    name = "resourcegroupstaggingapi"

    def __init__(self) -> None:
        self.tagged: dict[str, dict[str, str]] = {}
        self.cloudformation: CloudFormation | None = None

    def put(self, arn: str, resource: Resource) -> None:
        """Note the tags of a resource, its stack's included."""
        self.tagged[arn] = dict(resource.tags)

    def get_resources(self, parameters: dict[str, Any]) -> dict[str, Any]:
        kinds = parameters.get("ResourceTypeFilters", [])
        filters = parameters.get("TagFilters", [])
        found = [
            {"ResourceARN": arn, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}
            for arn, tags in (self.tagged | self._stacks()).items()
            if (not kinds or any(_is(arn, kind) for kind in kinds))
            and all(_has(tags, wanted) for wanted in filters)
        ]
        return {"ResourceTagMappingList": found}

    def _stacks(self) -> dict[str, dict[str, str]]:
        if self.cloudformation is None:
            return {}
        stacks = self.cloudformation.call("DescribeStacks", {})["Stacks"]
        return {
            stack["StackId"]: {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
            for stack in stacks
        }


def _is(arn: str, kind: str) -> bool:
    """Say whether an ARN is of a kind such as `s3`, `ecs:service` or `cloudformation:stack`."""
    service, _, resource = kind.partition(":")
    _, _, found, _, _, rest = arn.split(":", 5)
    return found == service and (not resource or service == "s3" or rest.startswith(resource))


def _has(tags: dict[str, str], wanted: dict[str, Any]) -> bool:
    values = wanted.get("Values")
    return wanted["Key"] in tags and (not values or tags[wanted["Key"]] in values)
