"""The resources of ECS in stacks."""

import secrets
from typing import Any

from tests.aws.actors import Made, OnlySchema, Resource, ResourceFailed
from tests.aws.ecs import Ecs, EcsService, last


class ClusterActor(OnlySchema):
    def __init__(self, ecs: Ecs) -> None:
        self.ecs = ecs

    def create(self, resource: Resource) -> Made:
        name = resource.properties.get("ClusterName", resource.physical_id)
        arn = f"{self.ecs.prefix}:cluster/{name}"
        self.ecs.clusters[arn] = resource.properties
        self.ecs.tagging.put(arn, resource)
        return Made(name, {"Arn": arn})

    def delete(self, resource: Resource) -> None:
        arn = f"{self.ecs.prefix}:cluster/{resource.physical_id}"
        if any(
            last(service.cluster) == resource.physical_id for service in self.ecs.services.values()
        ):
            raise ResourceFailed("The Cluster cannot be deleted while Services are active.")
        self.ecs.clusters.pop(arn, None)
        self.ecs.tagging.tagged.pop(arn, None)


class TaskDefinitionActor(OnlySchema):
    def __init__(self, ecs: Ecs) -> None:
        self.ecs = ecs

    def create(self, resource: Resource) -> Made:
        family = resource.properties.get("Family", resource.physical_id.rpartition("/")[2])
        arn = self.ecs.register(family, resource.properties)
        return Made(arn, {"TaskDefinitionArn": arn})


class ServiceActor(OnlySchema):
    def __init__(self, ecs: Ecs) -> None:
        self.ecs = ecs

    def create(self, resource: Resource) -> Made:
        given, ecs = resource.properties, self.ecs
        self._check(given)
        cluster = given.get("Cluster", "default")
        if f"{ecs.prefix}:cluster/{last(cluster)}" not in ecs.clusters:
            raise ResourceFailed("Cluster not found.")
        name = given.get("ServiceName") or (
            f"{resource.stack_name}-{resource.logical_id}-{secrets.token_hex(6)}"
        )
        arn = f"{ecs.prefix}:service/{last(cluster)}/{name}"
        begun, where = ecs.deployment(given), f"{ecs.prefix}:cluster/{last(cluster)}"
        service = EcsService(arn, name, where, given, begun, ecs.now())
        ecs.services[arn] = service
        ecs.deploy(service)
        ecs.tagging.put(arn, resource)
        return Made(arn, {"Name": name, "ServiceArn": arn})

    def update(self, resource: Resource, before: dict[str, Any]) -> Made:
        self._check(resource.properties)
        service = self.ecs.services[resource.physical_id]
        service.properties = resource.properties
        self.ecs.deploy(service)
        return Made()

    def delete(self, resource: Resource) -> None:
        if service := self.ecs.services.pop(resource.physical_id, None):
            self.ecs.stop(service)
        self.ecs.tagging.tagged.pop(resource.physical_id, None)

    def busy(self, resource: Resource) -> str | None:
        return self.ecs.go_on(self.ecs.services[resource.physical_id])

    def _check(self, given: dict[str, Any]) -> None:
        for balancer in given.get("LoadBalancers", []):
            arn = balancer["TargetGroupArn"]
            if arn not in self.ecs.elbv2.target_groups:
                raise ResourceFailed(f"The specified target group does not exist: {arn}")
            if not self.ecs.elbv2.used(arn):
                raise ResourceFailed(
                    f"The target group with targetGroupArn {arn} does not have an associated load"
                    " balancer."
                )


def actors(ecs: Ecs) -> dict[str, OnlySchema]:
    """Return the actors of all types."""
    return {
        "AWS::ECS::Cluster": ClusterActor(ecs),
        "AWS::ECS::TaskDefinition": TaskDefinitionActor(ecs),
        "AWS::ECS::Service": ServiceActor(ecs),
    }
