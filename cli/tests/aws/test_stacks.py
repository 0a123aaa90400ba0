"""The life of a stack in the emulated CloudFormation."""

from typing import Any

import pytest

from tests.aws.actors import Made, OnlySchema, Resource, ResourceFailed
from tests.aws.schedule import Times
from tests.aws.stack_driver import LOG_GROUP, Driver, body, parameters, refusal

GROUP = "AWS::Logs::LogGroup"


def log_group(name: str | None = None, days: int = 30, **rest: Any) -> dict[str, Any]:
    """A log group: its name is create-only, its days are not."""
    properties: dict[str, Any] = {"RetentionInDays": days}
    if name is not None:
        properties["LogGroupName"] = name
    return {"Type": GROUP, "Properties": properties} | rest


def template(**resources: Any) -> dict[str, Any]:
    return {"Resources": resources}


class Recorder(OnlySchema):
    """An actor that writes down what it did, and fails on what a test names in `fails`."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.fails: set[str] = set()

    def create(self, resource: Resource) -> Made:
        self._do("create", resource)
        return Made(attributes={"Arn": f"arn of {resource.logical_id}"})

    def update(self, resource: Resource, before: dict[str, Any]) -> Made:
        days = [values.get("RetentionInDays") for values in (before, resource.properties)]
        self._do("update", resource, f" {days[0]} to {days[1]}")
        return Made()

    def delete(self, resource: Resource) -> None:
        self._do("delete", resource)

    def _do(self, verb: str, resource: Resource, more: str = "") -> None:
        what = f"{verb} {resource.logical_id}{more}"
        if what in self.fails:
            raise ResourceFailed(f"cannot {what}")
        self.done.append(what)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def driver(recorder: Recorder) -> Driver:
    return Driver({GROUP: recorder})


def ref(name: str) -> dict[str, Any]:
    return {"Fn::Sub": f"${{{name}}}-x"}


def test_resources_are_created_after_what_they_need_and_deleted_before_it(
    driver: Driver, recorder: Recorder
) -> None:
    resources = template(
        A=log_group() | {"DependsOn": "B"},
        B={"Type": GROUP, "Properties": {"LogGroupName": ref("C")}},
        C=log_group(),
    )
    assert driver.deploy("s", resources) == "CREATE_COMPLETE"
    assert driver.delete("s") == "DELETE_COMPLETE"
    assert recorder.done == ["create C", "create B", "create A", "delete A", "delete B", "delete C"]
    assert "does not exist" in refusal(driver, "DescribeStacks", StackName="s")


def test_the_events_of_a_creation(driver: Driver) -> None:
    driver.deploy("s", template(A=log_group()))
    assert driver.events("s") == [
        ("s", "REVIEW_IN_PROGRESS"),
        ("s", "CREATE_IN_PROGRESS"),
        ("A", "CREATE_IN_PROGRESS"),
        ("A", "CREATE_IN_PROGRESS"),  # with its physical id
        ("A", "CREATE_COMPLETE"),
        ("s", "CREATE_COMPLETE"),
    ]


def test_a_failed_creation_is_rolled_back_and_can_only_be_deleted(
    driver: Driver, recorder: Recorder
) -> None:
    recorder.fails = {"create B"}
    resources = template(A=log_group(), B=log_group() | {"DependsOn": "A"})
    assert driver.deploy("s", resources) == "ROLLBACK_COMPLETE"
    assert recorder.done == ["create A", "delete A"]
    assert "cannot create B" in driver.reasons("s")
    assert "The following resource(s) failed to create: [B]." in driver.reasons("s")
    said = refusal(driver, "UpdateStack", StackName="s", **body(resources))
    assert "is in ROLLBACK_COMPLETE state and can not be updated" in said
    assert driver.delete("s") == "DELETE_COMPLETE"
    recorder.fails = set()
    assert driver.deploy("s", resources) == "CREATE_COMPLETE"


def test_a_failed_creation_stays_on_request(driver: Driver, recorder: Recorder) -> None:
    recorder.fails = {"create B"}
    resources = template(A=log_group(), B=log_group() | {"DependsOn": "A"})
    driver.call("CreateStack", StackName="s", DisableRollback=True, **body(resources))
    driver.wait()
    assert driver.status("s") == "CREATE_FAILED"
    assert recorder.done == ["create A"]


def test_an_update_changes_in_place_replaces_adds_and_removes(
    driver: Driver, recorder: Recorder
) -> None:
    driver.deploy("s", template(A=log_group(days=1), B=log_group(), C=log_group("c")))
    before = driver.resources("s")
    recorder.done.clear()
    status = driver.deploy("s", template(A=log_group(days=3), C=log_group("d"), D=log_group()))
    assert status == "UPDATE_COMPLETE"
    assert recorder.done[:3] == ["update A 1 to 3", "create C", "create D"]
    assert sorted(recorder.done[3:]) == ["delete B", "delete C"]  # at last, when all is well
    after = driver.resources("s")
    assert after.keys() == {"A", "C", "D"}
    assert (after["A"], after["C"]) == (before["A"], "d")
    cleanup = driver.events("s").index(("s", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"))
    assert ("B", "DELETE_COMPLETE") in driver.events("s")[cleanup:]


def test_a_failed_update_takes_back_what_it_did(driver: Driver, recorder: Recorder) -> None:
    driver.deploy("s", template(A=log_group(days=1), B=log_group(), C=log_group("c")))
    before = driver.resources("s")
    recorder.fails = {"create E"}
    recorder.done.clear()
    new = template(
        A=log_group(days=3), C=log_group("d"), D=log_group(), E=log_group() | {"DependsOn": "D"}
    )
    assert driver.deploy("s", new) == "UPDATE_ROLLBACK_COMPLETE"
    assert recorder.done == [
        "update A 1 to 3", "create C", "create D",
        "update A 3 to 1", "delete D", "delete C",
    ]  # fmt: skip
    assert driver.resources("s") == before
    assert "failed to create: [E]" in driver.reasons("s")
    recorder.fails = set()
    assert driver.deploy("s", new) == "UPDATE_COMPLETE"


def test_a_rollback_that_fails_can_be_continued(driver: Driver, recorder: Recorder) -> None:
    driver.deploy("s", template(A=log_group(days=1)))
    recorder.fails = {"create B", "update A 3 to 1"}
    new = template(A=log_group(days=3), B=log_group() | {"DependsOn": "A"})
    assert driver.deploy("s", new) == "UPDATE_ROLLBACK_FAILED"
    said = refusal(driver, "UpdateStack", StackName="s", **body(new))
    assert "can not be updated" in said
    recorder.fails = set()
    driver.call("ContinueUpdateRollback", StackName="s")
    driver.wait()
    assert driver.status("s") == "UPDATE_ROLLBACK_COMPLETE"
    assert recorder.done[-1] == "update A 3 to 1"


def test_a_test_can_let_one_resource_fail_once(driver: Driver) -> None:
    driver.cloudformation.failures[GROUP] = "not today"
    assert driver.deploy("s", template(A=log_group())) == "ROLLBACK_COMPLETE"
    assert "not today" in driver.reasons("s")
    driver.delete("s")
    assert driver.deploy("s", template(A=log_group())) == "CREATE_COMPLETE"


def test_what_the_schema_refuses_is_a_failed_resource(driver: Driver) -> None:
    for properties, fault in [
        ({"Retention": 30}, "'Retention' was unexpected"),
        ({"RetentionInDays": "many"}, "#/RetentionInDays: 'many' is not of type 'integer'"),
        ({"RetentionInDays": 2}, "#/RetentionInDays: 2 is not one of"),
        ({"Arn": "arn:aws:logs:a"}, "[Arn] is not permitted"),
    ]:
        name = f"s{driver.now:.0f}"
        group = {"Type": GROUP, "Properties": properties}
        assert driver.deploy(name, template(A=group)) == "ROLLBACK_COMPLETE"
        assert "Properties validation failed for resource A" in driver.reasons(name)
        assert fault in driver.reasons(name)


def test_a_property_that_is_missing_is_a_failed_resource(driver: Driver) -> None:
    properties = {"FunctionName": "f", "Action": "lambda:InvokeFunction"}
    permission = {"Type": "AWS::Lambda::Permission", "Properties": properties}
    assert driver.deploy("s", template(A=permission)) == "ROLLBACK_COMPLETE"
    assert "#: 'Principal' is a required property" in driver.reasons("s")


def test_a_name_belongs_to_one_stack_until_it_is_gone() -> None:
    driver = Driver()
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": "r", "AssumeRolePolicyDocument": {"Version": "2012-10-17"}},
    }
    given = {"Capabilities": ["CAPABILITY_NAMED_IAM"]}
    assert driver.deploy("one", template(A=role), **given) == "CREATE_COMPLETE"
    assert driver.deploy("two", template(A=role), **given) == "ROLLBACK_COMPLETE"
    assert "already exists" in driver.reasons("two")
    driver.delete("one")
    driver.delete("two")
    assert driver.deploy("two", template(A=role), **given) == "CREATE_COMPLETE"


def test_a_named_resource_cannot_be_replaced_by_one_of_the_same_name() -> None:
    driver = Driver()

    def role(path: str) -> dict[str, Any]:
        document = {"Version": "2012-10-17"}
        properties = {"RoleName": "r", "Path": path, "AssumeRolePolicyDocument": document}
        return template(A={"Type": "AWS::IAM::Role", "Properties": properties})

    given = {"Capabilities": ["CAPABILITY_NAMED_IAM"]}
    driver.deploy("s", role("/"), **given)
    assert driver.deploy("s", role("/other/"), **given) == "UPDATE_ROLLBACK_COMPLETE"
    assert "custom-named resource requires replacing. Rename r" in driver.reasons("s")


def test_capabilities_have_to_be_given(driver: Driver) -> None:
    properties: dict[str, Any] = {"AssumeRolePolicyDocument": {"Version": "2012-10-17"}}
    role = {"Type": "AWS::IAM::Role", "Properties": properties}
    said = refusal(driver, "CreateStack", StackName="s", **body(template(A=role)))
    assert said == "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_IAM]"
    properties["RoleName"] = "r"
    request = body(template(A=role)) | {"Capabilities": ["CAPABILITY_IAM"]}
    said = refusal(driver, "CreateStack", StackName="s", **request)
    assert "[CAPABILITY_NAMED_IAM]" in said
    request["Capabilities"] = ["CAPABILITY_NAMED_IAM"]
    assert driver.call("CreateStack", StackName="s", **request)["StackId"]


def test_a_retained_resource_stays(driver: Driver, recorder: Recorder) -> None:
    kept = log_group("kept", DeletionPolicy="Retain")
    driver.deploy("s", template(A=kept, B=log_group()))
    assert driver.delete("s") == "DELETE_COMPLETE"
    assert recorder.done == ["create A", "create B", "delete B"]


def test_what_cannot_be_deleted_keeps_its_stack_and_what_it_needs(
    driver: Driver, recorder: Recorder
) -> None:
    recorder.fails = {"delete B"}
    driver.deploy("s", template(A=log_group(), B=log_group() | {"DependsOn": "A"}, C=log_group()))
    assert driver.delete("s") == "DELETE_FAILED"
    assert driver.resources("s").keys() == {"A", "B"}
    assert "The following resource(s) failed to delete: [B]." in driver.reasons("s")
    driver.call("DeleteStack", StackName="s", RetainResources=["B"])
    driver.wait()
    assert "does not exist" in refusal(driver, "DescribeStacks", StackName="s")


def test_a_protected_stack_is_not_deleted(driver: Driver) -> None:
    driver.deploy("s", template(A=log_group()))
    driver.call("UpdateTerminationProtection", StackName="s", EnableTerminationProtection=True)
    said = refusal(driver, "DeleteStack", StackName="s")
    assert "cannot be deleted while TerminationProtection is enabled" in said
    driver.call("UpdateTerminationProtection", StackName="s", EnableTerminationProtection=False)
    assert driver.delete("s") == "DELETE_COMPLETE"


def test_a_protected_load_balancer_is_not_deleted(driver: Driver) -> None:
    def balancer(protected: str) -> dict[str, Any]:
        attributes = [{"Key": "deletion_protection.enabled", "Value": protected}]
        subnets = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
        properties = {"LoadBalancerAttributes": attributes, "Subnets": subnets}
        kind = "AWS::ElasticLoadBalancingV2::LoadBalancer"
        return template(A={"Type": kind, "Properties": properties})

    assert driver.deploy("s", balancer("true")) == "CREATE_COMPLETE"
    assert driver.delete("s") == "DELETE_FAILED"
    assert "deletion protection is enabled" in driver.reasons("s")


def test_a_missing_stack_is_deleted_already(driver: Driver) -> None:
    assert driver.call("DeleteStack", StackName="none") == {}


def test_a_stack_is_not_created_twice(driver: Driver) -> None:
    driver.deploy("s", template(A=log_group()))
    said = refusal(driver, "CreateStack", StackName="s", **body(template(A=log_group())))
    assert said.startswith("AlreadyExistsException")


def test_an_update_without_a_change_is_refused(driver: Driver) -> None:
    driver.deploy("s", template(A=log_group()))
    said = refusal(driver, "UpdateStack", StackName="s", **body(template(A=log_group())))
    assert said == "ValidationError: No updates are to be performed."


def test_an_update_without_a_change_is_none_where_a_transform_is(driver: Driver) -> None:
    request = body(template(A=log_group()) | {"Transform": "AWS::Serverless-2016-10-31"})
    request["Capabilities"] = ["CAPABILITY_AUTO_EXPAND"]
    driver.call("CreateStack", StackName="s", **request)
    driver.wait()
    driver.call("UpdateStack", StackName="s", **request)
    driver.wait()
    assert driver.status("s") == "UPDATE_COMPLETE"


def test_one_operation_at_a_time(driver: Driver) -> None:
    driver.call("CreateStack", StackName="s", **body(template(A=log_group())))
    said = refusal(driver, "UpdateStack", StackName="s", **body(template(A=log_group(days=1))))
    assert "is in CREATE_IN_PROGRESS state and can not be updated" in said


def test_a_creation_can_be_deleted_in_its_middle(driver: Driver, recorder: Recorder) -> None:
    driver = Driver({GROUP: recorder}, Times(resource=10))
    driver.call("CreateStack", StackName="s", **body(template(A=log_group(), B=log_group())))
    driver.wait(15)
    assert recorder.done == ["create A"]
    driver.call("DeleteStack", StackName="s")
    driver.wait()
    assert recorder.done == ["create A", "delete A"]


def test_an_update_can_be_cancelled_in_its_middle(recorder: Recorder) -> None:
    driver = Driver({GROUP: recorder}, Times(resource=10))
    driver.deploy("s", template(A=log_group(days=1), B=log_group(days=1)))
    new = template(A=log_group(days=3), B=log_group(days=3))
    driver.call("UpdateStack", StackName="s", **body(new))
    driver.wait(15)
    assert driver.status("s") == "UPDATE_IN_PROGRESS"
    driver.call("CancelUpdateStack", StackName="s")
    assert driver.status("s") == "UPDATE_ROLLBACK_IN_PROGRESS"
    assert ("B", "UPDATE_FAILED") in driver.events("s")
    driver.wait()
    assert driver.status("s") == "UPDATE_ROLLBACK_COMPLETE"
    assert recorder.done[2:4] == ["update A 1 to 3", "update B 3 to 1"]
    assert recorder.done[-1] == "update A 3 to 1"
    said = refusal(driver, "CancelUpdateStack", StackName="s")
    assert "cannot be called from current stack status" in said


def test_a_resource_that_is_not_stable_is_waited_for(recorder: Recorder) -> None:
    class Slow(Recorder):
        def busy(self, resource: Resource) -> str | None:
            return None if driver.now > 100 else "it starts"

    driver = Driver({GROUP: Slow()}, Times(poll=1, patience=300))
    driver.call("CreateStack", StackName="s", **body(template(A=log_group())))
    driver.wait(50)
    assert driver.status("s") == "CREATE_IN_PROGRESS"
    assert driver.resources("s")["A"]  # its id is known already
    driver.wait(60)
    assert driver.status("s") == "CREATE_COMPLETE"


def test_a_resource_that_never_is_stable_fails() -> None:
    class Stuck(Recorder):
        def busy(self, resource: Resource) -> str | None:
            return "no task is healthy"

    driver = Driver({GROUP: Stuck()}, Times(poll=1, patience=100))
    assert driver.deploy("s", template(A=log_group())) == "ROLLBACK_COMPLETE"
    assert "no task is healthy" in driver.reasons("s")


def test_the_tags_of_a_stack_reach_its_resources(driver: Driver) -> None:
    seen: list[dict[str, str]] = []

    class Tags(Recorder):
        def create(self, resource: Resource) -> Made:
            seen.append(resource.tags)
            return Made()

    driver = Driver({GROUP: Tags()})
    own = log_group()
    own["Properties"]["Tags"] = [{"Key": "own", "Value": "2"}]
    driver.deploy("s", template(A=own), Tags={"team": "1"})
    assert {"team": "1", "own": "2", "aws:cloudformation:stack-name": "s"}.items() <= seen[
        0
    ].items()
    assert driver.stack("s")["Tags"] == [{"Key": "team", "Value": "1"}]
    made = driver.change_set("s", template(A=own), "UPDATE", Tags={"team": "2"})
    [change] = made["Changes"]
    assert change["ResourceChange"]["Scope"] == ["Tags"]


def test_parameters_are_checked_before_anything_is_done(driver: Driver) -> None:
    asked = {"Parameters": {"P": {"Type": "String"}}, "Resources": {"A": LOG_GROUP}}
    driver.deploy("s", asked, Parameters={"P": "1"})
    request = body(None) | {"Parameters": parameters({"Q": "2"})}
    said = refusal(driver, "UpdateStack", StackName="s", **request)
    assert said == "ValidationError: Parameters: [Q] do not exist in the template"


def test_what_is_not_emulated_is_said(driver: Driver) -> None:
    said = refusal(driver, "DetectStackDrift", StackName="s")
    assert said == "InvalidAction: DetectStackDrift is not emulated."
