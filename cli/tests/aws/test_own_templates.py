"""The templates that SAM deploys, as stacks of the emulated CloudFormation."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.aws.stack_driver import Driver
from tests.aws.template import parse

ROOT = Path(__file__).parents[3]
ALB, ALARMS = (str((ROOT / "alb" / name).read_text()) for name in ("template.yaml", "alarms.yaml"))
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
DATA = (ROOT / "data/template.yaml").read_text()
SECTIONS = {  # of samconfig.toml
    ("data", "test"): "data-test",
    ("data", "prod"): "data-prod",
    ("lambda", "test"): "default",
    ("lambda", "prod"): "prod",
    ("alb", "test"): "alb-test",
    ("alb", "prod"): "alb-prod",
    ("alarms", "test"): "alarms-test",
    ("alarms", "prod"): "alarms-prod",
}


def capabilities(stack: str, name: str) -> list[str]:
    """What `sam deploy` sends for a stack."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    given = config[SECTIONS[stack, name]]["deploy"]["parameters"].get("capabilities", "")
    return given.split() if isinstance(given, str) else given


def parameters(stack: str, name: str) -> dict[str, str]:
    """What every deployment of a stack is given."""
    plain = {"AllowPlainHttp": "enabled"} if stack == "alb" else {}
    return {"EnvName": name} | plain


def environment(name: str) -> dict[str, Any]:
    """What a Copilot environment exports, as far as the templates import it."""
    subnets = [f"Subnet{number}" for number in (1, 2)]
    resources: dict[str, Any] = {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Cluster": {"Type": "AWS::ECS::Cluster"},
        "Group": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"GroupDescription": "tasks", "VpcId": {"Ref": "Vpc"}},
        },
    }
    for number, subnet in enumerate(subnets):
        properties = {"VpcId": {"Ref": "Vpc"}, "CidrBlock": f"10.0.{number}.0/24"}
        resources[subnet] = {"Type": "AWS::EC2::Subnet", "Properties": properties}
    exports = {
        "VpcId": {"Ref": "Vpc"},
        "ClusterId": {"Ref": "Cluster"},
        "EnvironmentSecurityGroup": {"Ref": "Group"},
        "PublicSubnets": {"Fn::Join": [",", [{"Ref": subnet} for subnet in subnets]]},
    }
    outputs = {
        key: {"Value": value, "Export": {"Name": f"portable-api-{name}-{key}"}}
        for key, value in exports.items()
    }
    return {"Resources": resources, "Outputs": outputs}


def function(tag: str) -> dict[str, Any]:
    """template.yaml, as `sam deploy` uploads it with an image."""
    template = parse((ROOT / "template.yaml").read_text())
    image = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/api:{tag}"
    template["Resources"]["ApiFunction"]["Properties"]["ImageUri"] = image
    return template


@pytest.fixture(params=["test", "prod"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def driver(name: str) -> Driver:
    """An account with all stacks but the service's, in the README's order."""
    driver = Driver()
    assert driver.deploy("environment", environment(name)) == "CREATE_COMPLETE"
    stacks = (("data", DATA), ("lambda", function("a")), ("alb", ALB), ("alarms", ALARMS))
    for stack, template in stacks:
        agreed = capabilities(stack, name)
        given = parameters(stack, name)
        status = driver.deploy(stack, template, Parameters=given, Capabilities=agreed)
        assert status == "CREATE_COMPLETE", driver.reasons(stack)
    return driver


def changed(driver: Driver, stack: str, template: Any, **others: Any) -> dict[str, str]:
    """Action or replacement of each resource that a change set names; it is executed."""
    name = driver.cloudformation.region.stack(stack).deployed.parameters["EnvName"]
    given = parameters(stack, name) | others
    agreed = capabilities(stack, name)
    made = driver.change_set(stack, template, "UPDATE", Parameters=given, Capabilities=agreed)
    assert made["Status"] == "CREATE_COMPLETE", made["StatusReason"]
    driver.call("ExecuteChangeSet", ChangeSetName=made["ChangeSetId"])
    driver.wait()
    assert driver.status(stack) == "UPDATE_COMPLETE", driver.reasons(stack)
    changes = [item["ResourceChange"] for item in made["Changes"]]
    return {
        item["LogicalResourceId"]: f"{item['Action']} {item.get('Replacement', '')}".strip()
        for item in changes
    }


def test_the_same_again_is_nothing_to_change(driver: Driver, name: str) -> None:
    stacks = (("data", DATA), ("lambda", function("a")), ("alb", ALB), ("alarms", ALARMS))
    for stack, template in stacks:
        made = driver.change_set(
            stack,
            template,
            "UPDATE",
            Parameters=parameters(stack, name),
            Capabilities=capabilities(stack, name),
        )
        assert made["StatusReason"].startswith("The submitted information didn't contain changes")


def test_weights_change_the_listener_and_nothing_else(driver: Driver) -> None:
    found = changed(driver, "alb", ALB, LambdaWeight=10, FargateWeight=90)
    assert found == {"HttpListener": "Modify False"}


def test_a_domain_name_comes_and_goes_alone(driver: Driver) -> None:
    domain = {"DomainName": "api.example.com", "HostedZoneId": "Z0123456789ABCDEFGHIJ"}
    assert changed(driver, "alb", ALB, **domain)["DomainRecord"] == "Add"
    assert changed(driver, "alb", ALB) == {"DomainRecord": "Remove"}


def test_the_port_of_the_tasks_replaces_no_target_group(driver: Driver) -> None:
    found = changed(driver, "alb", ALB, TaskPort=9000)
    assert not [name for name in found if "TargetGroup" in name or "Listener" in name]


def test_a_protected_load_balancer_has_to_be_released_first(driver: Driver) -> None:
    changed(driver, "alb", ALB, DeletionProtection="enabled")
    driver.delete("alarms")
    assert driver.delete("alb") == "DELETE_FAILED"


def test_https_comes_and_goes(driver: Driver) -> None:
    before = driver.outputs("alb")
    found = changed(driver, "alb", ALB, CertificateArn=CERTIFICATE)
    assert found["HttpsListener"] == "Add"
    assert found["HttpListener"] == "Modify False"
    assert driver.outputs("alb")["ListenerArn"] == driver.resources("alb")["HttpsListener"]
    events = driver.events("alb")
    added = events.index(("HttpsListener", "CREATE_COMPLETE"))
    redirects = events.index(("HttpListener", "UPDATE_COMPLETE"))
    assert added < redirects  # there is something to redirect to
    changed(driver, "alb", ALB)
    assert driver.outputs("alb") == before


def test_access_logs_come_and_go_and_their_bucket_stays(driver: Driver) -> None:
    found = changed(driver, "alb", ALB, AccessLogs="enabled")
    assert found["AccessLogsBucket"] == found["AccessLogsBucketPolicy"] == "Add"
    events = driver.events("alb")
    policy = events.index(("AccessLogsBucketPolicy", "CREATE_COMPLETE"))
    assert policy < events.index(("LoadBalancer", "UPDATE_COMPLETE"))
    changed(driver, "alb", ALB)
    assert ("AccessLogsBucket", "DELETE_SKIPPED") in driver.events("alb")


def test_the_failover_comes_and_goes(driver: Driver) -> None:
    before = driver.resources("alarms")
    found = changed(driver, "alarms", ALARMS, Failover="enabled")
    assert "Add" in found.values()
    assert not [item for item in found.values() if item in ("Modify True", "Modify Conditional")]
    changed(driver, "alarms", ALARMS)
    assert driver.resources("alarms") == before


def test_new_code_is_a_new_version_behind_the_same_alias(driver: Driver) -> None:
    before = driver.outputs("lambda")
    found = changed(driver, "lambda", function("b"))
    versions = {key: what for key, what in found.items() if key.startswith("ApiFunctionVersion")}
    assert sorted(versions.values()) == ["Add", "Remove"]
    assert found["ApiFunctionAliaslive"] == "Modify False"
    assert driver.outputs("lambda") == before  # the export is in use
    [old] = [key for key, what in versions.items() if what == "Remove"]
    assert (old, "DELETE_SKIPPED") in driver.events("lambda")


def test_teardown_is_refused_in_a_wrong_order(driver: Driver) -> None:
    users = (("environment", "alb"), ("data", "lambda"), ("lambda", "alb"), ("alb", "alarms"))
    for stack, user in users:
        assert driver.delete(stack) == "CREATE_COMPLETE"
        assert f"cannot be deleted as it is in use by {user}" in driver.reasons(stack)
    for stack in ("alarms", "alb", "lambda", "data", "environment"):
        assert driver.delete(stack) == "DELETE_COMPLETE"


def test_the_data_outlives_its_stack_and_is_in_nobodys_way(driver: Driver) -> None:
    table = driver.outputs("data")["ItemsTable"]
    stack = driver.call("DescribeStacks", StackName="data")["Stacks"][0]["StackId"]
    for name in ("alarms", "alb", "lambda", "data"):
        assert driver.delete(name) == "DELETE_COMPLETE"
    assert ("ItemsTable", "DELETE_SKIPPED") in driver.events(stack)
    assert ("AppSecret", "DELETE_COMPLETE") in driver.events(stack)
    agreed = ["CAPABILITY_IAM"]
    again = driver.deploy("data", DATA, Parameters={"EnvName": "test"}, Capabilities=agreed)
    assert again == "CREATE_COMPLETE", driver.reasons("data")
    assert driver.outputs("data")["ItemsTable"] != table


def test_what_an_app_may_do_besides_replaces_nothing(driver: Driver) -> None:
    wider = DATA.replace("- dynamodb:Scan", "- dynamodb:Scan\n              - dynamodb:Query")
    assert changed(driver, "data", wider) == {"AppPolicy": "Modify False"}


def test_the_capabilities_of_samconfig_are_needed(name: str) -> None:
    driver = Driver()
    made = driver.change_set("lambda", function("a"), Parameters={"EnvName": name})
    assert made["StatusReason"] == "Requires capabilities : [CAPABILITY_IAM]"
    assert capabilities("alb", name) == []
    assert capabilities("alarms", name) == ["CAPABILITY_IAM"]
    assert capabilities("lambda", name) == capabilities("data", name) == ["CAPABILITY_IAM"]
