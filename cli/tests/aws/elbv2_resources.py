"""The resources of Elastic Load Balancing in stacks."""

import secrets
from typing import Any

from tests.aws.actors import Made, OnlySchema, Resource, ResourceFailed
from tests.aws.elbv2 import DELETION_PROTECTION, Elbv2, find, pairs
from tests.aws.errors import AwsError


class _Actor(OnlySchema):
    def __init__(self, service: Elbv2) -> None:
        self.service = service

    def create(self, resource: Resource) -> Made:
        try:
            return self.make(resource)
        except AwsError as error:
            raise ResourceFailed(error.message) from None

    def update(self, resource: Resource, before: dict[str, Any]) -> Made:
        try:
            self.change(resource, before)
        except AwsError as error:
            raise ResourceFailed(error.message) from None
        return Made()

    def make(self, resource: Resource) -> Made:
        raise NotImplementedError

    def change(self, resource: Resource, before: dict[str, Any]) -> None:
        raise NotImplementedError


def _name(resource: Resource) -> str:
    """Return the name, by default cut out of the stack's and the logical id as on AWS."""
    own = resource.properties.get("Name")
    random = secrets.token_urlsafe(16).replace("-", "").replace("_", "")[:12]
    return own or f"{resource.stack_name[:5]}-{resource.logical_id[:5]}-{random}"


class LoadBalancerActor(_Actor):
    def make(self, resource: Resource) -> Made:
        name, elb = _name(resource), self.service
        if any(each["LoadBalancerName"] == name for each in elb.load_balancers.values()):
            text = (
                f"A load balancer with the same name '{name}' exists, but with different settings"
            )
            raise AwsError("DuplicateLoadBalancerName", text)
        full = f"app/{name}/{secrets.token_hex(8)}"
        arn = f"{elb.prefix}:loadbalancer/{full}"
        host = f"{name}-{secrets.randbelow(10**9)}.{elb.region}.elb.amazonaws.com"
        elb.load_balancers[arn] = {
            "LoadBalancerArn": arn,
            "LoadBalancerName": name,
            "DNSName": host,
            "CanonicalHostedZoneId": "Z35SXDOTRQ7X7K",
            "State": {"Code": "active"},
        }
        elb.attributes[arn] = {DELETION_PROTECTION: "false"}
        try:
            self._set(arn, resource)
        except AwsError:
            del elb.load_balancers[arn]
            raise
        return Made(
            arn,
            {
                "LoadBalancerArn": arn,
                "LoadBalancerName": name,
                "LoadBalancerFullName": full,
                "DNSName": host,
                "CanonicalHostedZoneID": "Z35SXDOTRQ7X7K",
                "SecurityGroups": resource.properties.get("SecurityGroups", []),
            },
        )

    def change(self, resource: Resource, before: dict[str, Any]) -> None:
        self._set(resource.physical_id, resource)

    def _set(self, arn: str, resource: Resource) -> None:
        given = resource.properties
        self.service.load_balancers[arn] |= {
            "Scheme": given.get("Scheme", "internet-facing"),
            "Type": given.get("Type", "application"),
            "SecurityGroups": given.get("SecurityGroups", []),
            "AvailabilityZones": [{"SubnetId": subnet} for subnet in given.get("Subnets", [])],
            "IpAddressType": given.get("IpAddressType", "ipv4"),
        }
        attributes = pairs(given.get("LoadBalancerAttributes"))
        bucket = attributes.get("access_logs.s3.bucket", "")
        if attributes.get("access_logs.s3.enabled") == "true" and not self.service.accepts_logs(
            bucket
        ):
            text = f"Access Denied for bucket: {bucket}. Please check S3bucket permission"
            raise AwsError("InvalidConfigurationRequest", text)
        self.service.attributes[arn].update(attributes)

    def delete(self, resource: Resource) -> None:
        arn, elb = resource.physical_id, self.service
        if elb.attributes.get(arn, {}).get(DELETION_PROTECTION) == "true":
            raise ResourceFailed(
                f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
            )
        elb.load_balancers.pop(arn, None)
        for listener, found in list(elb.listeners.items()):
            if found["LoadBalancerArn"] == arn:
                del elb.listeners[listener]


class TargetGroupActor(_Actor):
    def make(self, resource: Resource) -> Made:
        name, elb, given = _name(resource), self.service, resource.properties
        if any(each["TargetGroupName"] == name for each in elb.target_groups.values()):
            text = f"A target group with the same name '{name}' exists, but with different settings"
            raise AwsError("DuplicateTargetGroupName", text)
        full = f"targetgroup/{name}/{secrets.token_hex(8)}"
        arn = f"{elb.prefix}:{full}"
        elb.target_groups[arn] = {"TargetGroupArn": arn, "TargetGroupName": name}
        elb.targets[arn], elb.attributes[arn] = [], {}
        self._set(arn, given)
        try:
            elb.register_targets({"TargetGroupArn": arn, "Targets": given.get("Targets", [])})
        except AwsError:
            del elb.target_groups[arn]
            raise
        attributes = {"TargetGroupArn": arn, "TargetGroupName": name, "TargetGroupFullName": full}
        return Made(arn, attributes | {"LoadBalancerArns": []})

    def change(self, resource: Resource, before: dict[str, Any]) -> None:
        arn, elb = resource.physical_id, self.service
        self._set(arn, resource.properties)
        old, new = before.get("Targets", []), resource.properties.get("Targets", [])
        elb.register_targets({"TargetGroupArn": arn, "Targets": new})
        gone = [target for target in old if target not in new]
        elb.deregister_targets({"TargetGroupArn": arn, "Targets": gone})

    def _set(self, arn: str, given: dict[str, Any]) -> None:
        keys = ("Protocol", "Port", "VpcId", "Matcher", "HealthCheckPath")
        found = {key: given[key] for key in keys if key in given}
        self.service.target_groups[arn] |= found | {
            "TargetType": given.get("TargetType", "instance")
        }
        self.service.attributes[arn].update(pairs(given.get("TargetGroupAttributes")))

    def delete(self, resource: Resource) -> None:
        arn = resource.physical_id
        if self.service.used(arn):
            raise ResourceFailed(
                f"Target group '{arn}' is currently in use by a listener or a rule"
            )
        self.service.target_groups.pop(arn, None)


class ListenerActor(_Actor):
    def make(self, resource: Resource) -> Made:
        elb, balancer = self.service, resource.properties["LoadBalancerArn"]
        if balancer not in elb.load_balancers:
            raise AwsError("LoadBalancerNotFound", f"Load balancer '{balancer}' not found")
        port = resource.properties.get("Port")
        for each in elb.listeners.values():
            if (each["LoadBalancerArn"], each["Port"]) == (balancer, port):
                text = f"A listener already exists on this port for this load balancer '{balancer}'"
                raise AwsError("DuplicateListener", text)
        elb.check(balancer, resource.properties["DefaultActions"])
        arn = f"{balancer.replace(':loadbalancer/', ':listener/')}/{secrets.token_hex(8)}"
        self._set(arn, resource.properties)
        return Made(arn, {"ListenerArn": arn})

    def change(self, resource: Resource, before: dict[str, Any]) -> None:
        given = resource.properties
        self.service.check(given["LoadBalancerArn"], given["DefaultActions"])
        self._set(resource.physical_id, given)

    def _set(self, arn: str, given: dict[str, Any]) -> None:
        keys = (
            "LoadBalancerArn",
            "Port",
            "Protocol",
            "Certificates",
            "SslPolicy",
            "DefaultActions",
        )
        found = {key: given[key] for key in keys if key in given}
        self.service.listeners[arn] = found | {"ListenerArn": arn}
        self.service.attributes[arn] = pairs(given.get("ListenerAttributes"))

    def delete(self, resource: Resource) -> None:
        self.service.listeners.pop(resource.physical_id, None)


class ListenerRuleActor(_Actor):
    def make(self, resource: Resource) -> Made:
        listener = find(self.service.listeners, resource.properties["ListenerArn"], "Listener")
        self.service.check(listener["LoadBalancerArn"], resource.properties["Actions"])
        prefix = listener["ListenerArn"].replace(":listener/", ":listener-rule/")
        arn = f"{prefix}/{secrets.token_hex(8)}"
        self._set(arn, listener, resource.properties)
        return Made(arn, {"RuleArn": arn, "IsDefault": False})

    def change(self, resource: Resource, before: dict[str, Any]) -> None:
        found = self.service.rules[resource.physical_id]
        listener = self.service.listeners[found["ListenerArn"]]
        self.service.check(listener["LoadBalancerArn"], resource.properties["Actions"])
        self._set(resource.physical_id, listener, resource.properties)

    def _set(self, arn: str, listener: dict[str, Any], given: dict[str, Any]) -> None:
        self.service.rules[arn] = {
            "RuleArn": arn,
            "ListenerArn": listener["ListenerArn"],
            "LoadBalancerArn": listener["LoadBalancerArn"],
            "Priority": str(given.get("Priority", "default")),
            "Conditions": given.get("Conditions", []),
            "Actions": given["Actions"],
        }

    def delete(self, resource: Resource) -> None:
        self.service.rules.pop(resource.physical_id, None)


def actors(service: Elbv2) -> dict[str, OnlySchema]:
    """Return the actors of all types."""
    kinds = {
        "LoadBalancer": LoadBalancerActor,
        "TargetGroup": TargetGroupActor,
        "Listener": ListenerActor,
        "ListenerRule": ListenerRuleActor,
    }
    return {f"AWS::ElasticLoadBalancingV2::{kind}": actor(service) for kind, actor in kinds.items()}
