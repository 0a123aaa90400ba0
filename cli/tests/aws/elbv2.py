"""Elastic Load Balancing: load balancers, target groups with their targets' health, listeners.

Checked, as they are about the order and the sense of what we deploy: a name and a port are taken
once, a target group belongs to one load balancer and is not deleted while a listener forwards to
it, a function is registered only if a permission lets the load balancer invoke it, access logs need
a bucket that lets them in, a load balancer under deletion protection stays. No request is ever
forwarded here.
"""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

from tests.aws.actors import Made, OnlySchema, Resource, ResourceFailed
from tests.aws.errors import AwsError
from tests.aws.service import Service

DELETION_PROTECTION = "deletion_protection.enabled"


class Elbv2(Service):
    """What a test sets: `health`, the state of a target by its id, `healthy` if it is not there.

    `load_balancers`, `target_groups`, `listeners`, `rules` are by ARN, as the API describes them.
    """

    name = "elbv2"

    def __init__(
        self,
        account: str,
        region: str,
        may_invoke: Callable[[str, str, str], bool],
        accepts_logs: Callable[[str], bool],
    ) -> None:
        """`may_invoke(function, principal, source)` says whether a permission allows it, and
        `accepts_logs(bucket)` whether the policy of a bucket lets access logs in."""
        self.prefix = f"arn:aws:elasticloadbalancing:{region}:{account}"
        self.region = region
        self.may_invoke, self.accepts_logs = may_invoke, accepts_logs
        self.load_balancers: dict[str, dict[str, Any]] = {}
        self.target_groups: dict[str, dict[str, Any]] = {}
        self.listeners: dict[str, dict[str, Any]] = {}
        self.rules: dict[str, dict[str, Any]] = {}
        self.attributes: dict[str, dict[str, str]] = {}
        self.targets: dict[str, list[dict[str, Any]]] = {}
        self.health: dict[str, str] = {}
        self.actors = {
            f"AWS::ElasticLoadBalancingV2::{name}": actor(self)
            for name, actor in (
                ("LoadBalancer", LoadBalancerActor),
                ("TargetGroup", TargetGroupActor),
                ("Listener", ListenerActor),
                ("ListenerRule", ListenerRuleActor),
            )
        }

    def weights(self, listener: str) -> dict[str, int]:
        """Return the weights of a listener by the name of the target group."""
        return {
            self.target_groups[group["TargetGroupArn"]]["TargetGroupName"]: group["Weight"]
            for group in groups(self.listeners[listener]["DefaultActions"])
        }

    def used(self, target_group: str) -> set[str]:
        """Return the load balancers that forward to a target group."""
        using = [*self.listeners.values(), *self.rules.values()]
        return {
            each["LoadBalancerArn"]
            for each in using
            for group in groups(each.get("DefaultActions") or each["Actions"])
            if group["TargetGroupArn"] == target_group
        }

    # Operations.

    def describe_load_balancers(self, parameters: dict[str, Any]) -> dict[str, Any]:
        found = _chosen(self.load_balancers, parameters, "LoadBalancer")
        return {"LoadBalancers": found}

    def describe_target_groups(self, parameters: dict[str, Any]) -> dict[str, Any]:
        found = _chosen(self.target_groups, parameters, "TargetGroup")
        balancer = parameters.get("LoadBalancerArn")
        full = [
            each | {"LoadBalancerArns": sorted(self.used(each["TargetGroupArn"]))} for each in found
        ]
        return {
            "TargetGroups": [
                each for each in full if balancer is None or balancer in each["LoadBalancerArns"]
            ]
        }

    def describe_listeners(self, parameters: dict[str, Any]) -> dict[str, Any]:
        balancer = parameters.get("LoadBalancerArn")
        if balancer is not None:
            _find(self.load_balancers, balancer, "LoadBalancer")
        found = _chosen(self.listeners, parameters, "Listener")
        return {
            "Listeners": [each for each in found if balancer in (None, each["LoadBalancerArn"])]
        }

    def describe_rules(self, parameters: dict[str, Any]) -> dict[str, Any]:
        listener = parameters.get("ListenerArn")
        found = _chosen(self.rules, parameters, "Rule")
        return {"Rules": [each for each in found if listener in (None, each["ListenerArn"])]}

    def modify_listener(self, parameters: dict[str, Any]) -> dict[str, Any]:
        found = _find(self.listeners, parameters["ListenerArn"], "Listener")
        changed = {key: value for key, value in parameters.items() if key != "ListenerArn"}
        self.check(found["LoadBalancerArn"], changed.get("DefaultActions", []))
        self.listeners[found["ListenerArn"]] = found | changed
        return {"Listeners": [self.listeners[found["ListenerArn"]]]}

    def describe_target_health(self, parameters: dict[str, Any]) -> dict[str, Any]:
        arn = parameters["TargetGroupArn"]
        group = _find(self.target_groups, arn, "TargetGroup")
        described = []
        for target in self.targets[arn]:
            state = self.health.get(target["Id"], "healthy" if self.used(arn) else "unused")
            health = {"State": state} | ({} if state == "healthy" else {"Reason": REASONS[state]})
            described.append(
                {
                    "Target": target,
                    "HealthCheckPort": str(group.get("Port", "")),
                    "TargetHealth": health,
                }
            )
        return {"TargetHealthDescriptions": described}

    def register_targets(self, parameters: dict[str, Any]) -> None:
        arn = parameters["TargetGroupArn"]
        group = _find(self.target_groups, arn, "TargetGroup")
        for target in parameters["Targets"]:
            if group["TargetType"] == "lambda" and not self.may_invoke(
                target["Id"], "elasticloadbalancing.amazonaws.com", arn
            ):
                text = (
                    "elasticloadbalancing principal does not have permission to invoke"
                    f" {target['Id']} from target group {arn}"
                )
                raise AwsError("AccessDenied", text, 403)
            if target not in self.targets[arn]:
                self.targets[arn].append(target)

    def deregister_targets(self, parameters: dict[str, Any]) -> None:
        arn = parameters["TargetGroupArn"]
        _find(self.target_groups, arn, "TargetGroup")
        ids = {target["Id"] for target in parameters["Targets"]}
        self.targets[arn] = [each for each in self.targets[arn] if each["Id"] not in ids]

    def describe_load_balancer_attributes(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._described_attributes(self.load_balancers, parameters, "LoadBalancer")

    def describe_target_group_attributes(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._described_attributes(self.target_groups, parameters, "TargetGroup")

    def describe_listener_attributes(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._described_attributes(self.listeners, parameters, "Listener")

    def modify_load_balancer_attributes(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self.attributes[parameters["LoadBalancerArn"]].update(pairs(parameters["Attributes"]))
        return self.describe_load_balancer_attributes(parameters)

    # What the actors share.

    def check(self, balancer: str, actions: list[dict[str, Any]]) -> None:
        """Raise AwsError if a listener of `balancer` cannot have these actions."""
        for group in groups(actions):
            arn = group["TargetGroupArn"]
            if arn not in self.target_groups:
                raise AwsError("TargetGroupNotFound", f"Target groups '{arn}' not found")
            if self.used(arn) - {balancer}:
                text = (
                    "The following target groups cannot be associated with more than one load"
                    f" balancer: {arn}"
                )
                raise AwsError("TargetGroupAssociationLimit", text)

    def _described_attributes(
        self, known: dict[str, Any], parameters: dict[str, Any], kind: str
    ) -> dict[str, Any]:
        arn = parameters[f"{kind}Arn"]
        _find(known, arn, kind)
        found = self.attributes.get(arn, {})
        return {"Attributes": [{"Key": key, "Value": value} for key, value in found.items()]}


REASONS = {
    "unhealthy": "Target.FailedHealthChecks",
    "unused": "Target.NotInUse",
    "initial": "Elb.RegistrationInProgress",
    "draining": "Target.DeregistrationInProgress",
    "unavailable": "Target.HealthCheckDisabled",
}


def groups(actions: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the target groups of actions, each with its weight."""
    for action in actions:
        several = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
        if not several and "TargetGroupArn" in action:
            several = [{"TargetGroupArn": action["TargetGroupArn"]}]
        yield from ({"Weight": 1} | group for group in several)


def pairs(attributes: list[dict[str, str]] | None) -> dict[str, str]:
    return {item["Key"]: item["Value"] for item in attributes or []}


def _find(known: dict[str, dict[str, Any]], arn: str, kind: str) -> dict[str, Any]:
    if arn in known:
        return known[arn]
    words = {"LoadBalancer": "load balancers", "TargetGroup": "target groups"}
    text = f"One or more {words.get(kind, f'{kind.lower()}s')} not found"
    raise AwsError(f"{kind}NotFound", text)


def _chosen(
    known: dict[str, dict[str, Any]], parameters: dict[str, Any], kind: str
) -> list[dict[str, Any]]:
    if arns := parameters.get(f"{kind}Arns"):
        return [_find(known, arn, kind) for arn in arns]
    if names := parameters.get("Names"):
        by_name = {each[f"{kind}Name"]: arn for arn, each in known.items()}
        return [_find(known, by_name.get(name, name), kind) for name in names]
    return list(known.values())


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
        listener = _find(self.service.listeners, resource.properties["ListenerArn"], "Listener")
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
