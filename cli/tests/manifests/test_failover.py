"""The failover of alb/alarms.yaml: its function, deployed and run, and what it may do."""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from cloud_radar.cf.unit import Template

from tests.aws.deployed_stack import ALARMS, IMPORTS, DeployedStack

ROOT = Path(__file__).parents[3]
REGION = "us-east-1"
ARN = f"arn:aws:%s:{REGION}:{Template.AccountId}:%s"
DOWN = {
    (side, question): f"portable-api-test-{side}-down-{question}"
    for side in ("lambda", "fargate")
    for question in ("errors", "targets")
}
SIDES = [("lambda", "fargate"), ("fargate", "lambda")]
TOPIC = f"arn:aws:sns:{REGION}:123456789012:pages"
TARGETS = {
    "lambda": {"Id": IMPORTS["FunctionAlias"]},
    "fargate": {"Id": "10.0.2.7", "Port": 8080},
}


def render(balancer: str, groups: dict[str, str], **parameters: str) -> dict[str, Any]:
    """Return the resources with failover, by type and id, where the ALB stack exports these."""
    exports = {
        "LoadBalancerFullName": balancer.partition("loadbalancer/")[2],
        "LambdaTargetGroupFullName": groups["lambda"].rpartition(":")[2],
        "FargateTargetGroupFullName": groups["fargate"].rpartition(":")[2],
        "FunctionAlias": TARGETS["lambda"]["Id"],
        "ClusterId": "cluster",
    }
    imports = {f"portable-api-test-{name}": value for name, value in exports.items()}
    template = Template.from_yaml(ROOT / "alb/alarms.yaml", imports)
    given = {"EnvName": "test", "Failover": "enabled"} | parameters
    rendered = template.render(given, region=REGION)
    resources: dict[str, Any] = rendered["Resources"]
    return resources


@dataclass
class Account:
    """The deployed stacks, and the function that guards the load balancer."""

    aws: DeployedStack
    function: ModuleType

    def listen(self, weights: tuple[int, int], **forward: Any) -> str:
        """Let the listener forward with the weights of Lambda and of Fargate."""
        groups = [
            {"TargetGroupArn": group, "Weight": weight}
            for group, weight in zip(self.aws.groups().values(), weights, strict=True)
        ]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups, **forward}}
        return self.listener(action)

    def listener(self, action: dict[str, Any]) -> str:
        """Give the listener its only action; return its ARN."""
        arn = self.aws.listener_arn
        boto3.client("elbv2").modify_listener(ListenerArn=arn, DefaultActions=[action])
        return arn

    def actions(self, arn: str) -> list[dict[str, Any]]:
        found = boto3.client("elbv2").describe_listeners(ListenerArns=[arn])["Listeners"]
        actions: list[dict[str, Any]] = found[0]["DefaultActions"]
        return actions

    def weights(self, arn: str) -> tuple[int, ...]:
        (action,) = self.actions(arn)
        return tuple(group["Weight"] for group in action["ForwardConfig"]["TargetGroups"])

    def alarm(self, side: str, question: str = "errors", state: str = "ALARM") -> str:
        """Set the alarm of `side` that asks `question`; return its name."""
        name = DOWN[side, question]
        client = boto3.client("cloudwatch")
        client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")
        return name

    def with_targets(self, side: str) -> None:
        group = self.aws.groups()[side]
        boto3.client("elbv2").register_targets(TargetGroupArn=group, Targets=[TARGETS[side]])

    def without_targets(self, side: str) -> None:
        group = self.aws.groups()[side]
        boto3.client("elbv2").deregister_targets(TargetGroupArn=group, Targets=[TARGETS[side]])

    def invoke(self, alarm: str) -> dict[str, Any]:
        """Run the function with what an alarm sends it."""
        event = {
            "source": "aws.cloudwatch",
            "alarmArn": ARN % ("cloudwatch", f"alarm:{alarm}"),
            "alarmData": {"alarmName": alarm, "state": {"value": "ALARM"}},
        }
        outcome: dict[str, Any] = self.function.handler(event, None)
        return outcome


def deployed(directory: Path, monkeypatch: pytest.MonkeyPatch, https: bool = False) -> Account:
    """Deploy both stacks with failover; what the function asks boto3 for is asked there."""
    aws = DeployedStack(50, 50, https=https, failover=True)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", aws.session())
    properties = aws.cloudformation.region.stack(ALARMS).members["FailoverFunction"].properties
    for name, value in properties["Environment"]["Variables"].items():
        monkeypatch.setenv(name, value)
    account = Account(aws, load(properties, directory))
    account.with_targets("fargate")
    return account


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    return deployed(tmp_path, monkeypatch)


def load(properties: dict[str, Any], directory: Path) -> ModuleType:
    """Import the function's code as Lambda does, from the file that its handler names."""
    name, _, handler = properties["Handler"].partition(".")
    assert handler == "handler"
    path = directory / f"{name}.py"
    path.write_text(properties["Code"]["ZipFile"])
    spec = importlib.util.spec_from_file_location("failover", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("side", "before", "after"),
    [
        ("fargate", (50, 50), (100, 0)),
        ("lambda", (50, 50), (0, 100)),
        ("fargate", (90, 10), (100, 0)),
        ("lambda", (1, 999), (0, 999)),
        ("fargate", (600, 400), (999, 0)),
    ],
)
def test_all_weight_of_the_side_that_is_down_goes_to_the_other_one(
    account: Account, side: str, before: tuple[int, int], after: tuple[int, int]
) -> None:
    listener = account.listen(before)
    alarm = account.alarm(side)
    other = "fargate" if side == "lambda" else "lambda"
    assert account.invoke(alarm) == {
        "alarm": alarm,
        "moved": True,
        "reason": f"{other} has all the weight now, {max(after)}.",
    }
    assert account.weights(listener) == after


def test_stickiness_stays_as_it_is(account: Account) -> None:
    sticky = {"Enabled": True, "DurationSeconds": 600}
    listener = account.listen((50, 50), TargetGroupStickinessConfig=sticky)
    (before,) = account.actions(listener)
    assert account.invoke(account.alarm("lambda"))["moved"]
    (after,) = account.actions(listener)
    for group, weight in zip(before["ForwardConfig"]["TargetGroups"], (0, 100), strict=True):
        group["Weight"] = weight
    assert after == before
    assert after["ForwardConfig"]["TargetGroupStickinessConfig"] == sticky


def test_listener_that_redirects_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = deployed(tmp_path, monkeypatch, https=True)
    redirect = account.aws.stack.members["HttpListener"].physical_id
    before = account.actions(redirect)
    assert [action["Type"] for action in before] == ["redirect"]
    forward = account.aws.listener_arn
    assert account.weights(forward) == (50, 50)
    assert account.invoke(account.alarm("fargate"))["moved"]
    assert account.weights(forward) == (100, 0)
    assert account.actions(redirect) == before


def test_second_run_moves_nothing(account: Account) -> None:
    listener = account.listen((50, 50))
    alarm = account.alarm("fargate")
    assert account.invoke(alarm)["moved"]
    outcome = account.invoke(alarm)
    assert (outcome["moved"], outcome["reason"]) == (False, "fargate has weight 0 already.")
    assert account.weights(listener) == (100, 0)


@pytest.mark.parametrize(("side", "other"), SIDES)
def test_side_without_a_healthy_target_loses_its_weight(
    account: Account, side: str, other: str
) -> None:
    listener = account.listen((50, 50))
    account.without_targets(side)
    assert account.invoke(account.alarm(side, "targets"))["moved"]
    assert account.weights(listener) == ((0, 100) if side == "lambda" else (100, 0))


@pytest.mark.parametrize(("side", "other"), SIDES)
def test_metric_that_is_late_or_missing_moves_nothing_off_a_healthy_target(
    account: Account, side: str, other: str
) -> None:
    listener = account.listen((50, 50))
    with pytest.raises(Exception, match=rf"^{side} has a healthy target\.$"):
        account.invoke(account.alarm(side, "targets"))
    assert account.weights(listener) == (50, 50)


def test_such_a_metric_of_the_other_side_is_no_obstacle(account: Account) -> None:
    listener = account.listen((50, 50))
    account.alarm("lambda", "targets")
    assert account.invoke(account.alarm("fargate"))["moved"]
    assert account.weights(listener) == (100, 0)


@pytest.mark.parametrize("question", ["errors", "targets"])
@pytest.mark.parametrize(("side", "other"), SIDES)
def test_without_a_healthy_target_on_the_other_side_it_is_tried_again(
    account: Account, side: str, other: str, question: str
) -> None:
    listener = account.listen((50, 50))
    account.without_targets(side)
    account.without_targets(other)
    alarm = account.alarm(side, question)
    with pytest.raises(Exception, match=rf"^{other} has no healthy target\.$"):
        account.invoke(alarm)
    assert account.weights(listener) == (50, 50)
    account.with_targets(other)
    assert account.invoke(alarm)["moved"]
    assert account.weights(listener) != (50, 50)


def test_where_both_sides_fail_it_is_tried_again(account: Account) -> None:
    listener = account.listen((50, 50))
    alarms = {side: account.alarm(side) for side in ("lambda", "fargate")}
    for side, other in SIDES:
        with pytest.raises(Exception, match=f"^'{alarms[other]}' is in ALARM, too"):
            account.invoke(alarms[side])
    assert account.weights(listener) == (50, 50)
    account.alarm("lambda", state="OK")
    assert account.invoke(alarms["fargate"])["moved"]


def test_never_moves_back_to_a_side_that_was_given_up(account: Account) -> None:
    listener = account.listen((50, 50))
    assert account.invoke(account.alarm("fargate"))["moved"]
    account.alarm("fargate", state="OK")  # as it has no traffic any more
    outcome = account.invoke(account.alarm("lambda"))
    assert outcome["reason"] == "fargate has weight 0, which only a person changes."
    assert account.weights(listener) == (100, 0)


def test_refuses_when_the_alarm_is_over(account: Account) -> None:
    listener = account.listen((50, 50))
    alarm = account.alarm("fargate", state="OK")
    assert account.invoke(alarm)["reason"] == f"'{alarm}' is over."
    assert account.weights(listener) == (50, 50)


def test_refuses_an_alarm_that_is_none_of_its_own(account: Account) -> None:
    listener = account.listen((50, 50))
    outcome = account.invoke("portable-api-test-lambda")
    assert outcome["reason"] == f"'portable-api-test-lambda' is none of {', '.join(DOWN.values())}."
    assert account.weights(listener) == (50, 50)


def test_fails_and_is_tried_again_where_nothing_forwards(account: Account) -> None:
    to_https = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    account.listener({"Type": "redirect", "RedirectConfig": to_https})
    with pytest.raises(LookupError, match="forwards to both target groups"):
        account.invoke(account.alarm("fargate"))


def test_leaves_one_line_of_json(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.listen((50, 50))
    outcome = account.invoke(account.alarm("fargate"))
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == outcome


def test_leaves_one_when_it_fails(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.listen((50, 50))
    alarm = account.alarm("fargate", "targets")
    with pytest.raises(Exception, match="healthy") as raised:
        account.invoke(alarm)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"alarm": alarm, "moved": False, "reason": str(raised.value)}


def rendered(**parameters: str) -> dict[str, Any]:
    group = ARN % ("elasticloadbalancing", "targetgroup/{}/1")
    groups = {side: group.format(side) for side in ("lambda", "fargate")}
    return render(ARN % ("elasticloadbalancing", "loadbalancer/app/b/1"), groups, **parameters)


@pytest.fixture
def resources() -> dict[str, Any]:
    return rendered()


def test_code_fits_into_the_template(resources: dict[str, Any]) -> None:
    code = resources["FailoverFunction"]["Properties"]["Code"]["ZipFile"]
    assert len(code) <= 4096
    assert max(len(line) for line in code.splitlines()) <= 100


def test_function_may_do_what_it_does_and_nothing_else(resources: dict[str, Any]) -> None:
    assert resources["FailoverFunction"]["Properties"]["Role"] == "FailoverRole.Arn"
    role = resources["FailoverRole"]["Properties"]
    assert sorted(role) == ["AssumeRolePolicyDocument", "Policies"]
    (policy,) = role["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    assert [statement for statement in statements if statement != Template.NoValue] == [
        {
            "Effect": "Allow",
            "Action": "elasticloadbalancing:ModifyListener",
            "Resource": ARN % ("elasticloadbalancing", "listener/app/b/1/*"),
        },
        {
            "Effect": "Allow",
            "Action": [
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeTargetHealth",
            ],
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Action": "cloudwatch:DescribeAlarms",
            "Resource": [
                ARN % ("cloudwatch", f"alarm:portable-api-test-{side}-down-*")
                for side in ("lambda", "fargate")
            ],
        },
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": "FailoverLogGroup.Arn",
        },
    ]


@pytest.mark.parametrize(("side", "name"), [("lambda", "Lambda"), ("fargate", "Fargate")])
def test_only_the_alarms_of_the_failover_invoke_it(
    resources: dict[str, Any], side: str, name: str
) -> None:
    for question in ("errors", "targets"):
        alarm = resources[f"{name}Down{question.title()}"]["Properties"]
        assert alarm["AlarmName"] == DOWN[side, question]
        assert alarm["AlarmActions"][0] == "FailoverFunction.Arn"
    assert resources[f"{name}DownPermission"]["Properties"] == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": "FailoverFunction.Arn",
        "Principal": "lambda.alarms.cloudwatch.amazonaws.com",
        "SourceAccount": Template.AccountId,
        "SourceArn": ARN % ("cloudwatch", f"alarm:portable-api-test-{side}-down-*"),
    }
    kinds = [item["Type"] for item in resources.values()]
    assert kinds.count("AWS::Lambda::Permission") == 2


def test_what_fails_is_tried_twice_more_and_then_goes_to_the_topic() -> None:
    without = rendered()["FailoverRetries"]["Properties"]
    assert (without["FunctionName"], without["Qualifier"]) == ("FailoverFunction", "$LATEST")
    assert without["MaximumRetryAttempts"] == 2
    assert "DestinationConfig" not in without
    resources = rendered(TopicArn=TOPIC)
    retries = resources["FailoverRetries"]["Properties"]
    assert retries["DestinationConfig"] == {"OnFailure": {"Destination": TOPIC}}
    (policy,) = resources["FailoverRole"]["Properties"]["Policies"]
    allowed = {"Effect": "Allow", "Action": "sns:Publish", "Resource": TOPIC}
    assert allowed in policy["PolicyDocument"]["Statement"]


def test_concurrency_is_reserved_on_request() -> None:
    assert "ReservedConcurrentExecutions" not in rendered()["FailoverFunction"]["Properties"]
    function = rendered(FailoverConcurrency="2")["FailoverFunction"]["Properties"]
    assert function["ReservedConcurrentExecutions"] == "2"


def test_lines_are_kept_for_thirty_days(resources: dict[str, Any]) -> None:
    function = resources["FailoverFunction"]["Properties"]
    assert function["LoggingConfig"] == {"LogGroup": "FailoverLogGroup"}
    assert resources["FailoverLogGroup"]["Properties"] == {
        "LogGroupName": "/aws/lambda/portable-api-test-failover",
        "RetentionInDays": 30,
    }
