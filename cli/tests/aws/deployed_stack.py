"""The ALB stack and the one of its alarms, deployed, for the tests of `shift` and of the failover.

Time stands still but in `wait`. `serve` gives the same to a real process.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from portable.shift.aws.clients import Clients
from tests.aws.direct import Calls, Direct
from tests.aws.registry import NoRegistry
from tests.aws.schedule import Times
from tests.aws.server import ACCOUNT, Account, aws
from tests.aws.stack import Stack

ROOT = Path(__file__).parents[3]
NAME, ALARMS = "portable-api-alb-test", "portable-api-alarms-test"
REGION = "eu-west-1"
START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
PREFIX = "portable-api-test-"
CERTIFICATE = f"arn:aws:acm:{REGION}:123456789012:certificate/12345678-1234-1234-1234-123456789012"
SIDES = ("lambda", "fargate")
# What the templates import, instead of the stacks that make it.
IMPORTS = {
    "VpcId": "vpc-0123456789abcdef0",
    "PublicSubnets": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "EnvironmentSecurityGroup": "sg-0123456789abcdef0",
    "ClusterId": "cluster",
    "FunctionAlias": f"arn:aws:lambda:{REGION}:123456789012:function:api:live",
}


class Clock:
    """Seconds since the start: what `elapsed` says, unless `source` does."""

    def __init__(self, source: Callable[[], float] | None = None) -> None:
        self.elapsed = 0.0
        self.source = source or (lambda: self.elapsed)

    def __call__(self) -> float:
        return self.source()


class DeployedStack:
    """The stack. A test may set `interrupts`, and see or set the properties.

    `fail` lets calls fail (`Calls`), `session` is boto3's for whatever asks it (`Direct`).
    """

    def __init__(
        self,
        lambda_: int = 100,
        fargate: int = 0,
        *,
        start: datetime = START,
        https: bool = False,
        failover: bool = False,
        account: Account | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.start, self.clock = start, clock or Clock()
        self.direct, self.noted = Direct(REGION), Calls()
        if account is None:
            account = Account(ACCOUNT, REGION, self.clock, start, Times(0, 0, 0, 0), NoRegistry())
            account.clients = {name: self.direct.client(name) for name in ("iam", "logs", "s3")}
        self.account = self.direct.account = account
        self.cloudformation = account.cloudformation
        self.fail, self.session = self.noted.fail, self.direct.session
        self.calls = self.noted.made  # the operations since the stack is there
        self.interrupts: list[Callable[[DeployedStack], bool]] = []
        certificate = {"CertificateArn": CERTIFICATE} if https else {"AllowPlainHttp": "enabled"}
        weights = {"LambdaWeight": str(lambda_), "FargateWeight": str(fargate)}
        self._export()
        self._create(NAME, "template.yaml", weights | certificate)
        state = "enabled" if failover else "disabled"
        self._create(ALARMS, "alarms.yaml", {"Failover": state})
        self.noted.watch(account)
        self.cloudformation.region.times = Times(change_set=2, begun=1, resource=4, clean=2, poll=1)

    # What a test does.

    def now(self) -> datetime:
        """Return the time of day."""
        return self.start + timedelta(seconds=self.clock())

    def wait(self, seconds: float) -> bool:
        """Let `seconds` pass, unless one of `interrupts` says that a signal arrives now."""
        for interrupt in self.interrupts:
            if interrupt(self):
                self.interrupts.remove(interrupt)
                return True
        self.clock.elapsed += seconds
        return False

    def advance(self) -> None:
        """Let happen what is due by now."""
        self.cloudformation.advance()

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Do `action` once `seconds` have passed from now."""

        def steps() -> Iterator[float]:
            yield seconds
            action()

        self.cloudformation.schedule.start(object(), steps())

    def alarm(self, name: str, state: str = "ALARM", reason: str = "Threshold Crossed: 9") -> None:
        """Set the state of a leaf, such as `fargate-errors`, and of what is made of it."""
        self.account.cloudwatch.set(f"{PREFIX}{name}", state, f"{reason}.")

    def set_status(self, status: str, reason: str) -> None:
        """Let something else change the status of the stack, with its event."""
        self.cloudformation.region.set_status(self.stack, status, reason)

    def clients(self, attempts: int = 1) -> Clients:
        """Return boto3's clients, sending here."""
        names = ("cloudformation", "cloudwatch", "elbv2")
        return Clients(*(self.direct.client(name, attempts) for name in names), REGION)

    # What it sees.

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self.clock.elapsed

    @elapsed.setter
    def elapsed(self, seconds: float) -> None:
        self.clock.elapsed = seconds

    @property
    def created(self) -> list[dict[str, Any]]:
        """What the change sets were asked for with."""
        return self.noted.requests.get("CreateChangeSet", [])

    @property
    def stack(self) -> Stack:
        """The stack of the load balancer."""
        return self.cloudformation.region.stack(NAME)

    @property
    def status(self) -> str:
        """Its status."""
        return self.stack.status

    @status.setter
    def status(self, status: str) -> None:
        self.stack.status = status

    @property
    def parameters(self) -> dict[str, str]:
        """Its parameters."""
        assert self.stack.plan is not None
        return self.stack.plan.parameters

    @property
    def triggers(self) -> list[str]:
        """The ARNs of the alarms that it keeps as rollback triggers."""
        assert self.stack.plan is not None
        return [item["Arn"] for item in self.stack.plan.rollback.get("RollbackTriggers", [])]

    @property
    def change_sets(self) -> list[str]:
        """The change sets that wait for their execution."""
        found = self.stack.change_sets.values()
        return [item.name for item in found if not item.execution.startswith("EXECUTE")]

    @property
    def alarms(self) -> dict[str, dict[str, Any]]:
        """The alarms by name."""
        return self.account.cloudwatch.alarms

    @property
    def traffic(self) -> dict[str, float]:
        """The requests of each side in a minute."""
        found = self.account.cloudwatch.traffic
        return {side: found[arn.split(":")[5]] for side, arn in self.groups().items()}

    @traffic.setter
    def traffic(self, requests: dict[str, float]) -> None:
        groups = self.groups()
        self.account.cloudwatch.traffic = {
            groups[side].split(":")[5]: value for side, value in requests.items()
        }

    @property
    def listener_arn(self) -> str:
        """The listener that splits."""
        members = self.stack.members
        return members[
            "HttpsListener" if "HttpsListener" in members else "HttpListener"
        ].physical_id

    @property
    def listener(self) -> dict[str, int]:
        """The weights that are in force."""
        [action] = self.account.elbv2.listeners[self.listener_arn]["DefaultActions"]
        sides = {arn: side for side, arn in self.groups().items()}
        groups = action["ForwardConfig"]["TargetGroups"]
        return {sides[group["TargetGroupArn"]]: group["Weight"] for group in groups}

    @listener.setter
    def listener(self, weights: dict[str, int]) -> None:
        groups = [
            {"TargetGroupArn": self.groups()[side], "Weight": weight}
            for side, weight in weights.items()
        ]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
        listeners = self.account.elbv2.listeners
        listeners[self.listener_arn] = listeners[self.listener_arn] | {"DefaultActions": [action]}

    def groups(self) -> dict[str, str]:
        """Return the ARN of each side's target group."""
        members = self.stack.members
        return {side: members[f"{side.capitalize()}TargetGroup"].physical_id for side in SIDES}

    def _export(self) -> None:
        """Export what the templates import; what would be behind it is not asked for."""
        exports = self.cloudformation.region.add_stack("imported")
        exports.status = "CREATE_COMPLETE"
        exports.exports = {f"{PREFIX}{key}": value for key, value in IMPORTS.items()}
        self.cloudformation.region.actors.pop("AWS::Lambda::Permission")
        self.account.elbv2.may_invoke = lambda *_: True

    def _create(self, name: str, template: str, parameters: dict[str, str]) -> None:
        given = {"EnvName": "test"} | parameters
        request = {
            "StackName": name,
            "TemplateBody": (ROOT / "alb" / template).read_text(),
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
            "Capabilities": ["CAPABILITY_IAM"] if template == "alarms.yaml" else [],
        }
        self.cloudformation.call("CreateStack", request)
        while self.cloudformation.region.stack(name).is_busy:
            self.advance()
        stack = self.cloudformation.region.stack(name)
        assert stack.status == "CREATE_COMPLETE", stack.events
        del stack.events[:-1]  # of long ago


@contextmanager
def serve(lambda_: int = 100, fargate: int = 0, *, speed: float) -> Iterator[DeployedStack]:
    """Give the stack to processes that have the `environment` of its account.

    It has the time of day from this machine, but `speed` times as fast.
    """
    begun = time.monotonic()
    clock = Clock(lambda: (time.monotonic() - begun) * speed)
    start = datetime.now(UTC)
    with aws(REGION, clock, start, Times(0, 0, 0, 0), images=False) as account:
        yield DeployedStack(lambda_, fargate, start=start, account=account, clock=clock)
