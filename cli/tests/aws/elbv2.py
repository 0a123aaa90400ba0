"""Elastic Load Balancing: load balancers, target groups with their targets' health, listeners.

Checked, as they are about the order and the sense of what we deploy: a name and a port are taken
once, a target group belongs to one load balancer and is not deleted while a listener forwards to
it, a function is registered only if a permission lets the load balancer invoke it, access logs need
a bucket that lets them in, a load balancer under deletion protection stays. No request is ever
forwarded here.
"""

from collections.abc import Callable, Iterator
from typing import Any

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
            find(self.load_balancers, balancer, "LoadBalancer")
        found = _chosen(self.listeners, parameters, "Listener")
        return {
            "Listeners": [each for each in found if balancer in (None, each["LoadBalancerArn"])]
        }

    def describe_rules(self, parameters: dict[str, Any]) -> dict[str, Any]:
        listener = parameters.get("ListenerArn")
        found = _chosen(self.rules, parameters, "Rule")
        return {"Rules": [each for each in found if listener in (None, each["ListenerArn"])]}

    def modify_listener(self, parameters: dict[str, Any]) -> dict[str, Any]:
        found = find(self.listeners, parameters["ListenerArn"], "Listener")
        changed = {key: value for key, value in parameters.items() if key != "ListenerArn"}
        self.check(found["LoadBalancerArn"], changed.get("DefaultActions", []))
        self.listeners[found["ListenerArn"]] = found | changed
        return {"Listeners": [self.listeners[found["ListenerArn"]]]}

    def describe_target_health(self, parameters: dict[str, Any]) -> dict[str, Any]:
        arn = parameters["TargetGroupArn"]
        group = find(self.target_groups, arn, "TargetGroup")
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
        group = find(self.target_groups, arn, "TargetGroup")
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
        find(self.target_groups, arn, "TargetGroup")
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
        find(known, arn, kind)
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


def find(known: dict[str, dict[str, Any]], arn: str, kind: str) -> dict[str, Any]:
    if arn in known:
        return known[arn]
    words = {"LoadBalancer": "load balancers", "TargetGroup": "target groups"}
    text = f"One or more {words.get(kind, f'{kind.lower()}s')} not found"
    raise AwsError(f"{kind}NotFound", text)


def _chosen(
    known: dict[str, dict[str, Any]], parameters: dict[str, Any], kind: str
) -> list[dict[str, Any]]:
    if arns := parameters.get(f"{kind}Arns"):
        return [find(known, arn, kind) for arn in arns]
    if names := parameters.get("Names"):
        by_name = {each[f"{kind}Name"]: arn for arn, each in known.items()}
        return [find(known, by_name.get(name, name), kind) for name in names]
    return list(known.values())
