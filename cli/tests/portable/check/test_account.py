"""What the account says, asked of the emulated AWS that the tools themselves are tested with."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from portable.check.account.exports import exports, states
from portable.check.account.identity import identity
from portable.check.account.quotas import ADDRESSES, CONCURRENCY, ON_DEMAND, SPOT, quotas
from portable.check.account.records import records
from portable.check.account.session import Account, account
from portable.check.account.teardown import protected
from portable.check.project import Project
from portable.check.rendering import copilot_package
from portable.errors import PortableError
from portable.manifests.problem import Severity
from tests.aws.schedule import Times
from tests.aws.server import Account as Emulated
from tests.aws.server import aws

APPLICATION = "/copilot/applications/portable-api"
TOPIC = {"Type": "AWS::SNS::Topic"}
REFUSED = {"Type": "AWS::SNS::Topic", "Properties": {"Nothing": "like that"}}


@pytest.fixture
def project(project: Project) -> Project:
    return Project(project.root, ("test",), project.rendered)


@pytest.fixture
def rendered(project: Project) -> Project:
    assert list(copilot_package(project)) == []
    return project


def enter(server: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process be in the account of `server`, and in no other."""
    for name in ("AWS_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulated]:
    with aws(images=False) as server:
        enter(server, monkeypatch)
        yield server


@pytest.fixture
def ours(server: Emulated) -> Account:
    return account()


def create(server: Emulated, name: str, resource: dict, **outputs: str) -> None:
    """Create a stack of one resource with these exports."""
    found = {key: {"Value": "x", "Export": {"Name": value}} for key, value in outputs.items()}
    template = {"Resources": {"Only": resource}, "Outputs": found}
    server.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))


def put(server: Emulated, path: str, **record: str) -> None:
    server.client("ssm").put_parameter(
        Name=f"{APPLICATION}{path}", Type="String", Value=json.dumps(record), Overwrite=True
    )


def test_one_identity_and_one_region(ours, project):
    assert ours.identity[0] == "123456789012"
    assert list(identity(ours, project)) == []


def test_another_region_for_copilot(ours, project, monkeypatch, find):
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    find(identity(ours, project), "AWS_REGION is 'eu-west-1'", "'us-east-1'", "AWS_DEFAULT_REGION")


@pytest.mark.parametrize(("key", "value"), [("region", "eu-west-1"), ("profile", "other")])
def test_another_one_in_samconfig(key, value, ours, project, change, find):
    change(
        "samconfig.toml",
        "[alb-test.global.parameters]",
        f'[alb-test.global.parameters]\n{key} = "{value}"',
    )
    find(identity(ours, project), f"samconfig.toml: [alb-test] {key} is '{value}'")


def test_the_root_user(ours, project, find):
    # The emulated account has no root user to log in with.
    ours.__dict__["identity"] = ("123456789012", "arn:aws:iam::123456789012:root")
    find(identity(ours, project), "root user", "AWS_PROFILE")


def test_no_region(server, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with pytest.raises(PortableError, match=r"set AWS_DEFAULT_REGION.* AWS_REGION is 'eu-west-1'"):
        account()


def test_no_such_profile(server, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(PortableError, match="nobody"):
        account()


def test_what_is_not_initialised_is_named_with_its_command(server, ours, project, find):
    problem = find(records(ours, project), "not there yet", "`copilot app init portable-api`")
    assert problem.severity is Severity.WARNING
    put(server, "", name="portable-api", account="123456789012")
    find(records(ours, project), "environment 'test'", "`copilot env init --name test`")
    find(records(ours, project), "service 'api'", "`copilot svc init --name api`")
    put(server, "/components/api", name="api")
    put(server, "/environments/test", region="us-east-1", accountID="123456789012")
    assert list(records(ours, project)) == []


def test_what_is_initialised_elsewhere(server, ours, project, find):
    put(server, "", name="portable-api", account="210987654321")
    put(server, "/environments/test", region="eu-west-1", accountID="210987654321")
    find(records(ours, project), "application", "210987654321", "123456789012")
    find(records(ours, project), "Copilot deploys test to eu-west-1, `sam` to us-east-1")
    find(records(ours, project), "Copilot deploys test to 210987654321")


def test_a_stack_that_was_never_made_has_to_go_first(server, ours, rendered, find):
    create(server, "portable-api-alb-test", REFUSED)
    create(server, "portable-api-lambda-test", TOPIC)
    create(server, "portable-api-test-api", REFUSED)
    fix = "`sam delete --config-env alb-test`"
    find(states(ours, rendered), "portable-api-alb-test is in ROLLBACK_COMPLETE", fix)
    fix = "`copilot svc delete --name api --env test`"
    find(states(ours, rendered), "portable-api-test-api is in ROLLBACK_COMPLETE", fix)
    assert len(list(states(ours, rendered))) == 2


def test_a_stack_that_changes_is_waited_for(monkeypatch, rendered, find):
    slow = Times(change_set=0, resource=60, clean=0)
    with aws(images=False, clock=lambda: 0, times=slow) as server:
        enter(server, monkeypatch)
        create(server, "portable-api-lambda-test", TOPIC)
        text = "portable-api-lambda-test is in CREATE_IN_PROGRESS"
        find(states(account(), rendered), text, "Wait")


def test_missing_exports_are_named_with_the_command_that_makes_them(server, ours, rendered, find):
    create(server, "portable-api-lambda-test", TOPIC, Alias="portable-api-test-FunctionAlias")
    problems = list(exports(ours, rendered))
    assert [problem.fix for problem in problems] == [
        "`copilot env deploy --name test` makes it first.",
        "`sam deploy --config-env data-test` makes it first.",
        "`sam deploy --config-env alb-test` makes it first.",
    ]
    assert {problem.severity for problem in problems} == {Severity.WARNING}
    assert "portable-api-test-VpcId" in problems[0].text
    assert "portable-api-test-api cannot be deployed" in problems[1].text


def test_an_export_of_another_stack(server, ours, rendered, find):
    create(server, "other", TOPIC, Alias="portable-api-test-FunctionAlias")
    problem = find(exports(ours, rendered), "FunctionAlias is an export of other already")
    assert problem.severity is Severity.FAULT


def test_quotas_of_a_new_account(server, ours, project, find):
    assert list(quotas(ours, project)) == []
    server.quotas.values |= {CONCURRENCY: 10, ON_DEMAND: 2, SPOT: 1, ADDRESSES: 1}
    problem = find(quotas(ours, project), "Lambda has 10 executions", "lambda, L-B99A9384")
    assert problem.severity is Severity.WARNING
    # 4 tasks of 1 vCPU at most, twice as many in a deployment, of which half beyond the first one
    # are on Spot.
    find(quotas(ours, project), "Fargate has 2 vCPU", "up to 4.5", ON_DEMAND[1])
    find(quotas(ours, project), "Fargate Spot has 1 vCPU", "up to 3.5", SPOT[1])
    problem = find(quotas(ours, project), "1 Elastic IPs", "0 are taken", "2 more", ADDRESSES[1])
    assert problem.severity is Severity.FAULT


def test_addresses_that_are_taken_already(server, ours, project, find):
    ec2 = server.client("ec2")
    addresses = [ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(5)]
    find(quotas(ours, project), "5 Elastic IPs", "5 are taken", "2 more")
    assert len(addresses) == 5


def test_the_command_on_an_empty_account(server, root):
    command = [Path(sys.executable).with_name("portable"), "check", "--aws", "--env", "test"]
    done = subprocess.run(
        [*command, "--json"], cwd=root, env=server.environment, capture_output=True, text=True
    )
    found = {one["check"]: one["status"] for one in json.loads(done.stdout)["checks"]}
    assert list(found)[-5:] == ["identity", "copilot's records", "stacks", "exports", "quotas"]
    assert list(found.values())[-5:] == ["passed", "warned", "passed", "warned", "passed"]
    assert {call.operation for call in server.requests.calls} == {
        *("GetCallerIdentity", "GetParameter", "DescribeStacks", "ListExports"),
        *("GetServiceQuota", "DescribeAddresses"),
    }


def test_a_protected_load_balancer_stands_in_the_way_of_a_teardown(
    server: Emulated, ours: Account, project: Project
) -> None:
    template = {
        "Parameters": {"DeletionProtection": {"Type": "String"}},
        "Resources": {
            "Topic": TOPIC | {"Properties": {"DisplayName": {"Ref": "DeletionProtection"}}}
        },
    }

    def deploy(operation: str, protection: str) -> None:
        call = getattr(server.client("cloudformation"), operation)
        call(
            StackName="portable-api-alb-test",
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": "DeletionProtection", "ParameterValue": protection}],
        )

    assert list(protected(ours, project)) == []  # there is no such stack
    deploy("create_stack", "enabled")
    (problem,) = protected(ours, project)
    assert "portable-api-alb-test is protected" in problem.text
    assert "`sam deploy --config-env alb-test`" in problem.fix
    deploy("update_stack", "disabled")
    assert list(protected(ours, project)) == []
