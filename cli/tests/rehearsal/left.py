"""What is in the account: the stacks with their states, the exports, the weights."""

from dataclasses import dataclass

from botocore.exceptions import ClientError

from tests.aws.server import Account


@dataclass(frozen=True)
class Left:
    """Each by its name."""

    stacks: dict[str, str]
    exports: dict[str, str]
    weights: dict[str, str]

    def since(self, before: "Left") -> str:
        """Return in one line what is not as `before`."""
        changes = [
            *_changed("stack", before.stacks, self.stacks),
            *_counted("export", before.exports, self.exports),
            *_changed("listener", before.weights, self.weights),
        ]
        return ", ".join(changes) or "nothing new"


def left(account: Account) -> Left:
    """Return what is in `account` now."""
    stacks = account.client("cloudformation").get_paginator("describe_stacks").paginate()
    exports = account.client("cloudformation").get_paginator("list_exports").paginate()
    return Left(
        {stack["StackName"]: stack["StackStatus"] for page in stacks for stack in page["Stacks"]},
        {export["Name"]: export["Value"] for page in exports for export in page["Exports"]},
        _weights(account),
    )


def _weights(account: Account) -> dict[str, str]:
    elbv2 = account.client("elbv2")
    found = {}
    for balancer in elbv2.describe_load_balancers()["LoadBalancers"]:
        arn = balancer["LoadBalancerArn"]
        try:
            listeners = elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"]
        except ClientError:  # just deleted
            continue
        for listener in listeners:
            for action in listener["DefaultActions"]:
                if groups := action.get("ForwardConfig", {}).get("TargetGroups"):
                    name = f"{balancer['LoadBalancerName']}:{listener['Port']}"
                    found[name] = "/".join(str(group["Weight"]) for group in groups)
    return found


def _changed(kind: str, before: dict[str, str], now: dict[str, str]) -> list[str]:
    gone = [f"{kind} {name} gone" for name in before if name not in now]
    new = [f"{kind} {name} {value}" for name, value in now.items() if before.get(name) != value]
    return new + gone


def _counted(kind: str, before: dict[str, str], now: dict[str, str]) -> list[str]:
    counts = ((len(now.keys() - before.keys()), "+"), (len(before.keys() - now.keys()), "-"))
    return [f"{sign}{count} {kind}{'s' * (count > 1)}" for count, sign in counts if count]
