"""The ALB stack through boto3's own clients, deployed in the emulated AWS."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from portable.errors import PortableError
from portable.shift.aws.clients import CONFIG, clients
from portable.shift.aws.stack import CloudFormationStack
from portable.shift.deployment import Deployment
from portable.shift.plan import make_plan
from portable.shift.shift import Outcome, Shift
from portable.shift.stack import Interrupted, Progress
from portable.shift.view import PlainShiftView
from portable.weights import Weights
from tests.aws.deployed_stack import NAME, REGION, DeployedStack
from tests.aws.schedule import Times

DEPLOYMENT = Deployment("alb", (), NAME, "alarms")
BUCKET = {
    "Type": "Resource",
    "ResourceChange": {
        "Action": "Modify",
        "LogicalResourceId": "LoadBalancer",
        "PhysicalResourceId": "arn:LoadBalancer",
        "ResourceType": "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "Replacement": "True",
        "Scope": ["Properties"],
        "Details": [
            {
                "Target": {"Attribute": "Properties", "Name": "Subnets"},
                "Evaluation": "Static",
                "ChangeSource": "DirectModification",
            }
        ],
    },
}


def stack_of(aws: DeployedStack, attempts: int = 1) -> CloudFormationStack:
    return CloudFormationStack(DEPLOYMENT, aws.clients(attempts), aws.wait, aws.now)


def shift(aws: DeployedStack, to: str = "fargate", bake: float = 300) -> tuple[Outcome, list[str]]:
    """Make a shift of two steps; return how it ended and the lines that it showed."""
    lines: list[str] = []
    stack = stack_of(aws)
    plan = make_plan(stack, to, (10, 100), bake)
    view = PlainShiftView(lines.append, aws.now)
    outcome = Shift(stack, plan, view, aws.wait, "portable shift --env test", 40).run()
    return outcome, [line.rstrip("\n") for line in lines]


def ended(aws: DeployedStack, stack: CloudFormationStack) -> Progress:
    """Poll until the update has ended; return the last progress."""
    for _ in range(1000):
        progress = stack.progress()
        if progress.status in ("complete", "rolled back", "failed"):
            return progress
        aws.wait(stack.poll)
    raise AssertionError("the update does not end")


def also_changes(aws: DeployedStack, change: dict[str, Any]) -> None:
    """Add a change to what every change set would do, after the ones of the template."""
    create = aws.cloudformation.operations.preview
    aws.cloudformation.operations.preview = lambda *given: (  # type: ignore[method-assign]
        [*create(*given)[0], change],
        True,
    )


def deploy(aws: DeployedStack, **changed: str) -> str:
    """Change parameters as `sam deploy` does, which says nothing of triggers; return the status."""
    client = aws.clients().cloudformation
    parameters = [
        {"ParameterKey": name, "ParameterValue": changed.get(name, value)}
        for name, value in aws.parameters.items()
    ]
    request = {"StackName": NAME, "ChangeSetName": "samcli-deploy", "Parameters": parameters}
    client.create_change_set(**request, UsePreviousTemplate=True)  # type: ignore[arg-type]
    aws.wait(10)
    client.execute_change_set(StackName=NAME, ChangeSetName="samcli-deploy")
    aws.wait(400)
    return client.describe_stacks(StackName=NAME)["Stacks"][0]["StackStatus"]


def test_the_weights_are_those_of_the_stack_and_of_the_listener() -> None:
    aws = DeployedStack(90, 10)
    aws.listener = {"fargate": 3, "lambda": 1}
    stack = stack_of(aws)
    assert stack.weights() == Weights(90, 10)
    assert stack.listener_weights() == Weights(1, 3)


def test_with_a_certificate_the_listener_is_the_one_for_https() -> None:
    aws = DeployedStack(90, 10, https=True)
    outcome, lines = shift(aws)
    assert outcome.status == 0 and aws.listener == {"lambda": 0, "fargate": 100}
    assert any("baking, 4:5" in line or "baking, 5:00" in line for line in lines)


@pytest.mark.parametrize("listener", [{"lambda": 100}, {"lambda": 0, "fargate": 0}])
def test_a_listener_that_does_not_split_is_refused(listener: dict[str, int]) -> None:
    aws = DeployedStack()
    aws.listener = listener
    with pytest.raises(PortableError, match="does not forward to the two target groups"):
        stack_of(aws).listener_weights()


def test_the_alarms_are_the_composite_ones_with_their_parts() -> None:
    aws = DeployedStack()
    aws.alarm("fargate-latency")
    first, second = stack_of(aws).alarms()
    assert (first.name, first.side, first.state) == ("portable-api-test-lambda", "lambda", "OK")
    assert (second.side, second.state, second.since) == ("fargate", "ALARM", aws.now())
    assert [part.name for part in second.parts] == [
        "portable-api-test-fargate-errors",
        "portable-api-test-fargate-latency",
        "portable-api-test-fargate-unhealthy",
    ]
    assert [part.name for part in second.firing()] == ["portable-api-test-fargate-latency"]


def test_a_missing_alarm_is_named_with_what_makes_it() -> None:
    aws = DeployedStack()
    del aws.alarms["portable-api-test-fargate"]
    with pytest.raises(PortableError) as caught:
        stack_of(aws).alarms()
    assert caught.value.message == (
        "there is no alarm portable-api-test-fargate in eu-west-1, and nothing is shifted without: "
        "`sam deploy --config-env alarms` makes them."
    )


def test_a_change_set_has_only_the_weights_and_the_triggers() -> None:
    aws = DeployedStack()
    stack = stack_of(aws)
    stack.begin(Weights(90, 10), stack.alarms(), 300)
    request = aws.created[0]
    assert request["StackName"] == aws.stack.id
    assert request["ChangeSetType"] == "UPDATE" and "Capabilities" not in request
    weights = {"LambdaWeight": "90", "FargateWeight": "10"}
    assert request["Parameters"] == [
        {"ParameterKey": name, "ParameterValue": weights[name]}
        if name in weights
        else {"ParameterKey": name, "UsePreviousValue": True}
        for name in aws.parameters
    ]
    arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:portable-api-test"
    assert request["RollbackConfiguration"] == {
        "RollbackTriggers": [
            {"Arn": f"{arn}-lambda", "Type": "AWS::CloudWatch::CompositeAlarm"},
            {"Arn": f"{arn}-fargate", "Type": "AWS::CloudWatch::CompositeAlarm"},
        ],
        "MonitoringTimeInMinutes": 5,
    }


def test_no_triggers_is_an_empty_list_which_removes_the_last_ones() -> None:
    aws = DeployedStack()
    stack_of(aws).begin(Weights(90, 10), (), 0)
    expected: dict[str, Any] = {"RollbackTriggers": [], "MonitoringTimeInMinutes": 0}
    assert aws.created[0]["RollbackConfiguration"] == expected


def test_the_progress_goes_from_updating_over_the_bake_to_complete() -> None:
    aws = DeployedStack()
    stack = stack_of(aws)
    stack.begin(Weights(90, 10), stack.alarms(), 60)
    seen = []
    for _ in range(90):
        progress = stack.progress()
        seen.append(progress.status)
        if progress.status == "baking":
            assert progress.remaining is not None
            assert aws.listener == {"lambda": 90, "fargate": 10}
            # From the event of the listener, five seconds after the execution.
            assert progress.remaining == pytest.approx(max(0, 60 - (aws.elapsed - 7.5)), abs=1.6)
        if progress.status == "complete":
            break
        aws.wait(1)
    assert list(dict.fromkeys(seen)) == ["updating", "baking", "complete"]
    assert aws.status == "UPDATE_COMPLETE", "only when the clean-up is over"


def test_an_update_is_complete_once_the_stack_can_be_updated_again() -> None:
    aws = DeployedStack()
    stack = stack_of(aws)
    stack.begin(Weights(90, 10), (), 0)
    aws.wait(5)
    assert stack.progress().status == "baking"
    aws.wait(10)
    aws.advance()
    aws.status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"  # behind its own event
    assert stack.progress().status == "baking"
    aws.status = "UPDATE_COMPLETE"
    assert stack.progress().status == "complete"


def test_a_stack_that_has_the_weights_on_record_is_complete_at_once() -> None:
    aws = DeployedStack(50, 50)
    stack = stack_of(aws)
    stack.begin(Weights(50, 50), (), 0)
    assert stack.progress() == Progress("complete")
    assert not aws.change_sets and "ExecuteChangeSet" not in aws.calls


def test_all_pages_of_a_change_set_are_checked() -> None:
    aws = DeployedStack()
    also_changes(aws, BUCKET)
    aws.cloudformation.region.page = 1
    stack = stack_of(aws)
    with pytest.raises(PortableError) as caught:
        stack.begin(Weights(90, 10), (), 0)
    assert caught.value.message == (
        "the update would change more than weights: Modify with replacement True of LoadBalancer "
        "(AWS::ElasticLoadBalancingV2::LoadBalancer), caused by DirectModification in Subnets. "
        "Deploy that with `sam deploy` first."
    )
    assert not aws.change_sets and "ExecuteChangeSet" not in aws.calls


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"Action": "Remove", "Details": []}, "Remove of HttpListener"),
        ({"Replacement": "Conditional"}, "Modify with replacement Conditional of HttpListener"),
        ({"ResourceType": "AWS::S3::Bucket"}, "Modify of HttpListener (AWS::S3::Bucket)"),
        ({"Details": []}, "Modify of HttpListener"),
        (
            {
                "Details": [
                    {
                        "Target": {"Attribute": "Properties", "Name": "DefaultActions"},
                        "Evaluation": "Static",
                        "ChangeSource": "ParameterReference",
                        "CausingEntity": "CertificateArn",
                    }
                ]
            },
            "caused by CertificateArn in DefaultActions",
        ),
        (
            {
                "Details": [
                    {
                        "Target": {"Attribute": "Properties", "Name": "DefaultActions"},
                        "Evaluation": "Static",
                        "ChangeSource": "ParameterReference",
                        "CausingEntity": "LambdaWeight",
                    },
                    {
                        "Target": {"Attribute": "Tags"},
                        "Evaluation": "Static",
                        "ChangeSource": "DirectModification",
                    },
                ]
            },
            "caused by DirectModification in Tags",
        ),
        (
            {
                "Details": [
                    {
                        "Target": {"Attribute": "Properties", "Name": "DefaultActions"},
                        "Evaluation": "Dynamic",
                        "ChangeSource": "DirectModification",
                    }
                ]
            },
            "caused by DirectModification in DefaultActions",
        ),
    ],
)
def test_any_other_change_is_refused(change: dict[str, Any], culprit: str) -> None:
    aws = DeployedStack()
    resource = {
        "Action": "Modify",
        "LogicalResourceId": "HttpListener",
        "ResourceType": "AWS::ElasticLoadBalancingV2::Listener",
        "Replacement": "False",
    }
    also_changes(aws, {"Type": "Resource", "ResourceChange": resource | change})
    with pytest.raises(PortableError) as caught:
        stack_of(aws).begin(Weights(90, 10), (), 0)
    assert culprit in caught.value.message
    assert not aws.change_sets and "ExecuteChangeSet" not in aws.calls


@pytest.mark.parametrize("when", ["CreateChangeSet", "DescribeChangeSet"])
def test_an_interruption_before_the_execution_deletes_the_change_set(when: str) -> None:
    aws = DeployedStack()
    aws.interrupts = [lambda aws: when in aws.calls]
    with pytest.raises(Interrupted):
        stack_of(aws).begin(Weights(90, 10), (), 0)
    assert aws.calls[-1] == "DeleteChangeSet" and not aws.change_sets
    assert "ExecuteChangeSet" not in aws.calls


def test_an_alarm_is_found_in_the_history_even_if_it_is_over() -> None:
    aws = DeployedStack()
    aws.alarm("fargate-latency", reason="long ago")
    aws.alarm("fargate-latency", "OK")
    aws.elapsed += 600
    stack = stack_of(aws)
    stack.begin(Weights(90, 10), stack.alarms(), 300)
    aws.at(100, lambda: aws.alarm("fargate-errors"))
    aws.at(101, lambda: aws.alarm("fargate-errors", "OK"))
    progress = ended(aws, stack)
    assert progress.status == "rolled back" and aws.listener == {"lambda": 100, "fargate": 0}
    (found,) = progress.alarms
    assert found.name == "portable-api-test-fargate"
    assert [part.name for part in found.firing()] == ["portable-api-test-fargate-errors"]
    assert found.firing()[0].reason == "Threshold Crossed: 9."
    assert found.since and (aws.now() - found.since).total_seconds() < 20


def test_an_alarm_that_was_on_before_is_named_by_its_state() -> None:
    aws = DeployedStack()
    stack = stack_of(aws)
    alarms = stack.alarms()
    aws.alarm("fargate-errors", reason="just before")
    aws.elapsed += 60
    stack.begin(Weights(90, 10), alarms, 300)
    progress = ended(aws, stack)
    assert progress.status == "rolled back"
    assert progress.alarms[0].firing()[0].reason == "just before."


def test_a_history_that_may_not_be_read_leaves_the_reason_of_the_event() -> None:
    aws = DeployedStack()
    aws.fail("DescribeAlarmHistory", "AccessDenied", "not authorized")
    aws.at(60, lambda: aws.alarm("fargate-errors"))
    outcome, _ = shift(aws)
    assert outcome.text == (
        "The step to lambda 180, fargate 20 was rolled back: Rollback trigger "
        "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:portable-api-test-fargate is missing or "
        "in ALARM. The listener has lambda 100, fargate 0, as before the shift."
    )


def test_a_shift_ends_with_the_last_weights() -> None:
    aws = DeployedStack()
    outcome, lines = shift(aws)
    assert outcome == Outcome(0, "The listener has lambda 0, fargate 100.", Weights(0, 100))
    assert aws.parameters["FargateWeight"] == "100"
    statuses = [line.split(": ")[-1].split(",")[0] for line in lines if "step " in line]
    assert statuses == ["updating", "baking", "complete"] * 2
    assert lines[-1].endswith("clear lambda 0, fargate 100: complete")


def test_a_rollback_restores_the_weights_from_before_the_shift() -> None:
    aws = DeployedStack()
    aws.at(500, lambda: aws.alarm("fargate-errors"))
    outcome, lines = shift(aws)
    assert outcome.status == 1 and aws.listener == {"lambda": 100, "fargate": 0}
    assert outcome.text == (
        "The step to lambda 0, fargate 200 was rolled back, as alarm portable-api-test-fargate "
        "went into ALARM at 2026-11-23 14:08:20 UTC because of portable-api-test-fargate-errors: "
        "Threshold Crossed: 9. The listener has lambda 100, fargate 0 again, as before the shift."
    )
    assert aws.created[-1]["RollbackConfiguration"]["RollbackTriggers"] == []
    assert any("alarm portable-api-test-fargate ALARM since" in line for line in lines)


def test_a_side_that_fails_is_left_without_its_alarm() -> None:
    aws = DeployedStack(50, 50)
    aws.alarm("fargate-errors")
    outcome, _ = shift(aws, "lambda")
    assert outcome.status == 0 and aws.listener == {"lambda": 100, "fargate": 0}
    names = [
        [trigger["Arn"].rpartition(":")[2] for trigger in rollback["RollbackTriggers"]]
        for rollback in (request["RollbackConfiguration"] for request in aws.created)
    ]
    assert names == [["portable-api-test-lambda"], []]


def test_an_interruption_cancels_the_update() -> None:
    aws = DeployedStack()
    aws.interrupts = [lambda aws: aws.elapsed > 400]
    outcome, _ = shift(aws)
    assert outcome.status == 130 and aws.listener == {"lambda": 90, "fargate": 10}
    assert "CancelUpdateStack" in aws.calls and aws.triggers == []
    assert "The step under way was taken back." in outcome.text


def test_an_alarm_after_the_cancellation_did_not_cause_the_rollback() -> None:
    aws = DeployedStack()
    stack = stack_of(aws)
    stack.begin(Weights(90, 10), stack.alarms(), 300)
    aws.wait(60)
    assert stack.progress().status == "baking"
    stack.cancel()
    aws.alarm("fargate-errors")
    progress = ended(aws, stack)
    assert (progress.status, progress.alarms) == ("rolled back", ())


def test_a_cancellation_that_is_too_late_is_no_error() -> None:
    aws = DeployedStack()
    aws.interrupts = [lambda aws: aws.status == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"]
    stack = stack_of(aws)
    stack.poll = 0.5
    plan = make_plan(stack, "fargate", (10, 100), 60)
    view = PlainShiftView(lambda _: None, aws.now)
    outcome = Shift(stack, plan, view, aws.wait, "portable shift --env test").run()
    assert outcome.status == 130 and aws.listener == {"lambda": 90, "fargate": 10}
    assert "The step was complete before it could be taken back." in outcome.text


def test_a_rollback_that_fails_names_the_command_to_continue() -> None:
    aws = DeployedStack()

    def fail() -> None:
        aws.cloudformation.failures["HttpListener"] = "it cannot be reached"
        aws.alarm("fargate-errors")

    aws.at(60, fail)
    outcome, _ = shift(aws)
    command = "aws cloudformation continue-update-rollback --stack-name portable-api-alb-test"
    assert outcome.text == (
        "CloudFormation could not take the update of portable-api-alb-test back: The following "
        f"resource(s) failed to update: [HttpListener].\nOnce that is repaired: {command}"
    )
    with pytest.raises(
        PortableError, match=r"is in UPDATE_ROLLBACK_FAILED\.\nOnce that is repaired"
    ):
        stack_of(aws).weights()


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("UPDATE_IN_PROGRESS", "another update is under way, try again when it is over"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "another update is under way"),
        ("ROLLBACK_COMPLETE", "cannot be updated: `sam delete --config-env alb` it"),
        ("DELETE_FAILED", "cannot be updated"),
    ],
)
def test_a_stack_that_cannot_be_updated_is_refused(status: str, text: str) -> None:
    aws = DeployedStack()
    aws.status = status
    with pytest.raises(PortableError, match=text):
        stack_of(aws).weights()
    with pytest.raises(PortableError, match=text):
        stack_of(aws).begin(Weights(90, 10), (), 0)


def test_an_update_of_someone_else_in_between_is_refused() -> None:
    aws = DeployedStack()
    aws.fail("ExecuteChangeSet", "ValidationError", "Stack:x is in UPDATE_IN_PROGRESS state.")
    with pytest.raises(PortableError, match="AWS refused ExecuteChangeSet: Stack:x is in UPDATE"):
        stack_of(aws).begin(Weights(90, 10), (), 0)
    assert not aws.change_sets


def test_an_update_of_someone_else_right_after_is_not_taken_for_its_own() -> None:
    aws = DeployedStack()
    stack = stack_of(aws)
    stack.begin(Weights(90, 10), (), 0)
    aws.at(8, lambda: aws.set_status("UPDATE_IN_PROGRESS", "someone else"))
    aws.wait(20)
    assert stack.progress().status == "complete"


def test_a_stack_that_is_missing_names_what_makes_it() -> None:
    aws = DeployedStack()
    aws.status = "DELETE_COMPLETE"
    with pytest.raises(PortableError) as caught:
        stack_of(aws).weights()
    assert caught.value.message == (
        "there is no stack portable-api-alb-test in eu-west-1: `sam deploy --config-env alb` makes "
        "it, or the region or the account is another one."
    )


@pytest.mark.parametrize(
    ("code", "message", "sentence"),
    [
        ("ExpiredToken", "x", "the AWS credentials have expired (ExpiredToken): renew them."),
        ("InvalidClientTokenId", "x", "AWS does not accept the credentials (InvalidClientTokenId)"),
        (
            "AccessDenied",
            "User: x is not authorized to perform: cloudformation:DescribeStacks on resource: y",
            "access denied: the credentials in use need cloudformation:DescribeStacks.",
        ),
        ("AccessDenied", "no", "access denied: the credentials in use need DescribeStacks."),
        ("Throttling", "Rate exceeded", "AWS throttles DescribeStacks and still does"),
        ("InternalFailure", "", "AWS failed to answer DescribeStacks (InternalFailure)"),
        (None, "", "eu-west-1 cannot be reached (Could not connect to the endpoint URL"),
    ],
)
def test_what_aws_refuses_is_one_sentence(code: str | None, message: str, sentence: str) -> None:
    aws = DeployedStack()
    aws.fail("DescribeStacks", code, message)
    with pytest.raises(PortableError) as caught:
        stack_of(aws).weights()
    assert caught.value.message.startswith(sentence)


@pytest.mark.parametrize("code", ["Throttling", "InternalFailure", None])
def test_a_poll_without_an_answer_is_asked_again(code: str | None) -> None:
    aws = DeployedStack()
    aws.at(60, lambda: aws.fail("DescribeStackEvents", code, times=3))
    aws.at(100, lambda: aws.fail("DescribeAlarms", code, times=3))
    outcome, lines = shift(aws)
    assert outcome.status == 0
    assert any("baking" in line and "No answer, asked again" in line for line in lines)


def test_a_change_set_is_waited_for_without_an_answer() -> None:
    aws = DeployedStack()
    aws.fail("DescribeChangeSet", "Throttling", times=2)
    stack_of(aws).begin(Weights(90, 10), (), 0)
    assert "ExecuteChangeSet" in aws.calls


def test_a_change_set_that_is_never_made_is_given_up() -> None:
    aws = DeployedStack()
    aws.cloudformation.region.times = Times(change_set=10**6)
    with pytest.raises(PortableError, match="has not made the change set in 300 s"):
        stack_of(aws).begin(Weights(90, 10), (), 0)
    assert not aws.change_sets


def test_an_execution_without_an_answer_is_told_as_such() -> None:
    aws = DeployedStack()
    aws.fail("ExecuteChangeSet", None)
    outcome, _ = shift(aws)
    assert "Whether the update to lambda 180, fargate 20 began is not known." in outcome.text
    assert "To look: aws cloudformation describe-stacks" in outcome.text


def test_credentials_that_expire_in_a_step_leave_it_to_cloudformation() -> None:
    aws = DeployedStack()
    aws.at(60, lambda: aws.fail("DescribeStackEvents", "ExpiredToken"))
    outcome, _ = shift(aws)
    assert outcome == Outcome(
        1,
        "the AWS credentials have expired (ExpiredToken): renew them. CloudFormation goes on with "
        "the step, watches the alarms, and completes it or takes it back.\nTo look: "
        "aws cloudformation describe-stacks --stack-name portable-api-alb-test",
    )


def test_a_call_that_is_throttled_once_is_retried_by_boto3() -> None:
    aws = DeployedStack()
    aws.fail("DescribeStacks", "Throttling", times=1)
    assert stack_of(aws, attempts=2).weights() == Weights(100, 0)
    assert aws.calls == ["DescribeStacks"] * 2


def test_the_clients_retry_a_bounded_number_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    made = clients(REGION, None)
    assert made.region == REGION
    for client in (made.cloudformation, made.cloudwatch, made.elbv2):
        retries = client.meta.config.retries
        assert retries["mode"] == "adaptive" and retries["total_max_attempts"] == 5
    assert CONFIG.connect_timeout == 5


def test_the_next_deployment_is_watched_by_no_alarm_of_a_shift() -> None:
    aws = DeployedStack(50, 50)
    outcome, _ = shift(aws, "lambda")
    assert (outcome.status, outcome.weights) == (0, Weights(100, 0))
    assert aws.parameters["LambdaWeight"] == "100" and aws.triggers == []
    aws.alarm("fargate-unhealthy")  # as after `copilot svc delete`
    assert deploy(aws, AccessLogs="enabled") == "UPDATE_COMPLETE"


@pytest.mark.parametrize("end", ["an alarm", "an interruption", "an interruption between steps"])
def test_a_shift_that_ends_early_leaves_no_triggers(end: str) -> None:
    aws = DeployedStack(100, 0) if "between" in end else DeployedStack(80, 20)
    aws.cloudformation.region.rollback_keeps_triggers = True
    if end == "an alarm":
        aws.at(60, lambda: aws.alarm("fargate-errors"))
    elif end == "an interruption":
        aws.interrupts = [lambda aws: aws.elapsed > 60]
    else:
        aws.interrupts = [lambda aws: aws.status == "UPDATE_COMPLETE" and aws.elapsed > 60]
    outcome, _ = shift(aws)
    assert outcome.status == (1 if end == "an alarm" else 130)
    assert aws.triggers == [] and not aws.stack.is_busy
    assert outcome.weights and outcome.weights == Weights(*aws.listener.values())
    if end == "an interruption between steps":
        assert outcome.weights == Weights(90, 10)
    else:
        assert outcome.weights == Weights(160, 40)
        assert "lambda 160, fargate 40" in outcome.text and "To go back" not in outcome.text


def test_triggers_that_stay_are_told_with_the_command_that_removes_them() -> None:
    aws = DeployedStack(50, 50)
    aws.at(310, lambda: aws.fail("CreateChangeSet", "AccessDenied", "not authorized"))
    outcome, _ = shift(aws)
    assert (outcome.status, outcome.weights) == (1, Weights(0, 200))
    assert outcome.text == (
        "The listener has lambda 0, fargate 200.\nIts rollback triggers stay on "
        "portable-api-alb-test and may fail its next deployment: access denied: the credentials "
        "in use need CreateChangeSet.\nTo remove them: portable shift --env test --clear-triggers"
    )
    assert len(aws.triggers) == 2


def test_a_listener_that_something_else_moved_keeps_its_weights_and_the_triggers() -> None:
    aws = DeployedStack(50, 50)

    def move() -> None:
        aws.listener = {"lambda": 100, "fargate": 0}

    aws.at(310, move)  # the failover, right after the bake
    outcome, _ = shift(aws)
    assert (outcome.status, outcome.weights) == (1, Weights(100, 0))
    assert aws.listener == {"lambda": 100, "fargate": 0}
    assert "To remove them: portable shift --env test --clear-triggers" in outcome.text


def test_triggers_of_alarms_that_are_gone_fail_a_deployment_until_they_are_removed() -> None:
    aws = DeployedStack(50, 50)
    stack = stack_of(aws)
    stack.begin(Weights(100, 100), stack.alarms(), 0)
    assert ended(aws, stack).status == "complete"
    aws.alarms.clear()
    assert deploy(aws, AccessLogs="enabled") == "UPDATE_ROLLBACK_COMPLETE"
    kept = [(alarm.name, alarm.state) for alarm in stack_of(aws).kept_triggers()]
    assert kept == [("portable-api-test-lambda", "GONE"), ("portable-api-test-fargate", "GONE")]
    plan = make_plan(stack_of(aws), "", (), 0)
    view = PlainShiftView(lambda _: None, aws.now)
    outcome = Shift(stack_of(aws), plan, view, aws.wait, "portable shift --env test").run()
    assert outcome == Outcome(
        0,
        "The listener has lambda 50, fargate 50. The rollback triggers are removed.",
        Weights(50, 50),
    )
    assert deploy(aws, AccessLogs="enabled") == "UPDATE_COMPLETE"


def test_the_requests_are_those_of_the_whole_minutes_since_the_weights_are_in_force() -> None:
    aws = DeployedStack()
    aws.traffic = {"lambda": 600, "fargate": 7}
    stack = stack_of(aws)
    stack.begin(Weights(180, 20), stack.alarms(), 300)
    assert ended(aws, stack).status == "complete"  # in force at 14:00:07, complete at 14:05:09
    # The minute of 14:04 is not there yet.
    assert stack.requests(300) == {"lambda": 3 * 600, "fargate": 3 * 7}
    aws.wait(180)
    assert stack.requests(300) == {"lambda": 5 * 600, "fargate": 5 * 7}


def test_metrics_that_come_late_are_waited_for() -> None:
    aws = DeployedStack()
    aws.account.cloudwatch.metrics_late = 120
    outcome, lines = shift(aws, bake=60)
    assert outcome.status == 0
    waits = [line for line in lines if "metrics come late: waiting" in line]
    assert len(waits) == 2, "once in each step"
    assert sum("Requests while it baked: fargate 600, lambda 600." in line for line in lines) == 2


def test_whoever_may_not_see_the_requests_is_refused_before_anything_changes() -> None:
    aws = DeployedStack()
    aws.fail("GetMetricData", "AccessDenied", "not authorized to perform: cloudwatch:GetMetricData")
    with pytest.raises(PortableError, match="need cloudwatch:GetMetricData"):
        shift(aws)
    assert aws.created == []


def test_the_rights_are_those_of_the_calls_and_of_cloudformation_for_the_listener() -> None:
    page = (Path(__file__).parents[3] / "docs/operate.md").read_text()
    (told,) = re.findall(r"^- It needs the rights (.*?)\. ", page, re.DOTALL | re.MULTILINE)
    rights = {
        f"{service}:{action}"
        for service, _, actions in (
            part.partition(":") for part in " ".join(told.split()).split("; ")
        )
        for action in actions.split(", ")
    }
    aws = DeployedStack()
    aws.at(500, lambda: aws.alarm("fargate-errors"))
    shift(aws)  # one that is taken back
    interrupts: list[Callable[[DeployedStack], bool]] = [
        lambda aws: aws.elapsed > 60,  # in a bake
        lambda aws: "DescribeChangeSet" in aws.calls,  # before the update
    ]
    for interrupt in interrupts:
        interrupted = DeployedStack()
        interrupted.interrupts = [interrupt]
        shift(interrupted)
        aws.calls += interrupted.calls
    session = botocore.session.Session()
    prefixes = {"cloudformation": "cloudformation", "cloudwatch": "cloudwatch"}
    prefixes["elbv2"] = "elasticloadbalancing"
    calls = {
        f"{prefix}:{call}"
        for name, prefix in prefixes.items()
        for call in aws.calls
        if call in session.get_service_model(name).operation_names
    }
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(
        "us-east-1", "AWS::ElasticLoadBalancingV2::Listener"
    ).schema
    handler = {
        right for kind in ("read", "update") for right in schema["handlers"][kind]["permissions"]
    }
    # Those of tags and of authentication are for listeners that have them.
    only_for = {"elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"}
    only_for.add("cognito-idp:DescribeUserPoolClient")
    assert only_for <= handler
    assert rights == calls | (handler - only_for)
