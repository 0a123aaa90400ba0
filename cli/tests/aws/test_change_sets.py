"""Change sets of the emulated CloudFormation: what they tell, and what watches and locks them."""

from typing import Any

import pytest

from tests.aws.schedule import Times
from tests.aws.stack_driver import LOG_GROUP, Driver, body, parameters, refusal

ALARM = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a"
DAYS = {
    "Parameters": {
        "Days": {"Type": "Number", "Default": 1},
        "Name": {"Type": "String", "Default": "first"},
    },
    "Resources": {
        "Logs": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"RetentionInDays": {"Ref": "Days"}, "LogGroupName": {"Ref": "Name"}},
        },
        "Filter": {
            "Type": "AWS::Logs::MetricFilter",
            "Properties": {
                "LogGroupName": {"Ref": "Logs"},
                "FilterPattern": "x",
                "MetricTransformations": [
                    {"MetricName": "M", "MetricNamespace": "N", "MetricValue": "1"}
                ],
            },
        },
    },
    "Outputs": {"Name": {"Value": {"Ref": "Logs"}, "Export": {"Name": "the-name"}}},
}
IMPORTING = {
    "Resources": {
        "Logs": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {
                "LogGroupName": {"Fn::Sub": ["${N}-too", {"N": {"Fn::ImportValue": "the-name"}}]}
            },
        }
    }
}


@pytest.fixture
def driver() -> Driver:
    driver = Driver(times=Times(minute=60))
    driver.alarms[ALARM] = "OK"
    return driver


def changes(made: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    """Action and replacement by resource."""
    return {
        item["ResourceChange"]["LogicalResourceId"]: (
            item["ResourceChange"]["Action"],
            item["ResourceChange"].get("Replacement"),
        )
        for item in made["Changes"]
    }


def test_a_new_stack_is_in_review_until_its_change_set_is_executed(driver: Driver) -> None:
    made = driver.change_set("s", DAYS)
    assert driver.status("s") == "REVIEW_IN_PROGRESS"
    assert changes(made) == {"Logs": ("Add", None), "Filter": ("Add", None)}
    assert made["ExecutionStatus"] == "AVAILABLE"
    driver.call("ExecuteChangeSet", ChangeSetName=made["ChangeSetId"])
    driver.wait()
    assert driver.status("s") == "CREATE_COMPLETE"
    after = driver.call("DescribeChangeSet", ChangeSetName=made["ChangeSetId"])
    assert after["ExecutionStatus"] == "EXECUTE_COMPLETE"


def test_a_change_set_is_made_over_time(driver: Driver) -> None:
    driver = Driver(times=Times(change_set=3))
    request = {"StackName": "s", "ChangeSetName": "c", "ChangeSetType": "CREATE"}
    driver.call("CreateChangeSet", **request, **body(DAYS))
    made = driver.call("DescribeChangeSet", StackName="s", ChangeSetName="c")
    assert (made["Status"], made["Changes"]) == ("CREATE_IN_PROGRESS", [])
    driver.wait(2)
    said = refusal(driver, "ExecuteChangeSet", StackName="s", ChangeSetName="c")
    assert said.startswith("InvalidChangeSetStatus")
    driver.wait(2)
    made = driver.call("DescribeChangeSet", StackName="s", ChangeSetName="c")
    assert made["Status"] == "CREATE_COMPLETE"


def test_nothing_to_change_is_said_in_the_words_that_tools_look_for(driver: Driver) -> None:
    driver.deploy("s", DAYS)
    made = driver.change_set("s", DAYS, "UPDATE")
    assert made["Status"] == "FAILED"
    assert made["StatusReason"].startswith("The submitted information didn't contain changes.")
    said = refusal(driver, "ExecuteChangeSet", ChangeSetName=made["ChangeSetId"])
    assert said.startswith("InvalidChangeSetStatus")


def test_a_parameter_is_the_cause_of_a_change(driver: Driver) -> None:
    driver.deploy("s", DAYS)
    made = driver.change_set("s", None, "UPDATE", Parameters={"Days": "3", "Name": None})
    [change] = made["Changes"]
    change = change["ResourceChange"]
    target = {"Attribute": "Properties", "Name": "RetentionInDays", "RequiresRecreation": "Never"}
    assert change["Details"] == [
        {
            "Target": target,
            "Evaluation": "Static",
            "ChangeSource": "ParameterReference",
            "CausingEntity": "Days",
        },
        {"Target": target, "Evaluation": "Dynamic", "ChangeSource": "DirectModification"},
    ]
    assert (change["Action"], change["Replacement"]) == ("Modify", "False")
    assert change["PhysicalResourceId"] == "first"
    [days] = [item for item in made["Parameters"] if item["ParameterKey"] == "Days"]
    assert days["ParameterValue"] == "3"


def test_a_replacement_may_replace_what_refers_to_it(driver: Driver) -> None:
    driver.deploy("s", DAYS)
    made = driver.change_set("s", DAYS, "UPDATE", Parameters={"Name": "second"})
    assert changes(made) == {"Logs": ("Modify", "True"), "Filter": ("Modify", "Conditional")}
    logs, filtered = [item["ResourceChange"] for item in made["Changes"]]
    assert logs["PolicyAction"] == "ReplaceAndDelete"
    assert filtered["Details"][0]["CausingEntity"] == "Logs"
    assert filtered["Details"][0]["ChangeSource"] == "ResourceReference"


def test_a_resource_that_is_left_out_is_removed(driver: Driver) -> None:
    driver.deploy("s", DAYS)
    resources = {"Logs": DAYS["Resources"]["Logs"]}
    made = driver.change_set("s", DAYS | {"Resources": resources}, "UPDATE")
    assert changes(made) == {"Filter": ("Remove", None)}
    assert made["Changes"][0]["ResourceChange"]["PolicyAction"] == "Delete"


def test_an_output_alone_is_a_change_of_no_resource(driver: Driver) -> None:
    driver.deploy("s", DAYS)
    made = driver.change_set("s", DAYS | {"Outputs": {"Other": {"Value": "x"}}}, "UPDATE")
    assert (made["Status"], made["Changes"]) == ("CREATE_COMPLETE", [])


def test_many_changes_come_in_pages(driver: Driver) -> None:
    made = driver.change_set("s", {"Resources": {f"L{n}": LOG_GROUP for n in range(120)}})
    assert len(made["Changes"]) == 100
    more = driver.call(
        "DescribeChangeSet", ChangeSetName=made["ChangeSetId"], NextToken=made["NextToken"]
    )
    assert len(more["Changes"]) == 20
    assert "NextToken" not in more


def test_a_change_set_is_gone_once_another_one_is_executed(driver: Driver) -> None:
    driver.deploy("s", DAYS)
    one = driver.change_set("s", DAYS, "UPDATE", Parameters={"Days": "3"})
    driver.wait(1)
    two = driver.change_set("s", DAYS, "UPDATE", Parameters={"Days": "5"})
    driver.call("ExecuteChangeSet", ChangeSetName=two["ChangeSetId"])
    said = refusal(driver, "DescribeChangeSet", ChangeSetName=one["ChangeSetId"], StackName="s")
    assert said.startswith("ChangeSetNotFound")
    driver.call("DeleteChangeSet", ChangeSetName=one["ChangeSetId"])  # by its id that is no error


def test_a_change_set_is_executed_once_even_if_it_is_sent_twice(driver: Driver) -> None:
    driver.deploy("s", DAYS)
    made = driver.change_set("s", DAYS, "UPDATE", Parameters={"Days": "3"})
    request = {"ChangeSetName": made["ChangeSetId"], "ClientRequestToken": "token"}
    driver.call("ExecuteChangeSet", **request)
    driver.call("ExecuteChangeSet", **request)
    driver.wait()
    assert [s for n, s in driver.events("s") if n == "s"].count("UPDATE_IN_PROGRESS") == 1


def test_the_type_has_to_fit_the_stack(driver: Driver) -> None:
    request = {"StackName": "s", "ChangeSetName": "c"} | body(DAYS)
    said = refusal(driver, "CreateChangeSet", ChangeSetType="UPDATE", **request)
    assert said == "ValidationError: Stack [s] does not exist"
    driver.deploy("s", DAYS)
    said = refusal(driver, "CreateChangeSet", ChangeSetType="CREATE", **request)
    assert "Stack [s] already exists and cannot be created again" in said


def test_an_import_of_nothing_fails(driver: Driver) -> None:
    made = driver.change_set("two", IMPORTING)
    assert made["Status"] == "FAILED"
    assert made["StatusReason"] == "No export named the-name found"


def test_an_export_in_use_can_be_neither_changed_nor_removed(driver: Driver) -> None:
    driver.deploy("one", DAYS)
    driver.deploy("two", IMPORTING)
    assert driver.resources("two")["Logs"] == "first-too"
    assert driver.call("ListImports", ExportName="the-name")["Imports"] == ["two"]
    status = driver.deploy("one", DAYS, Parameters={"Name": "second"})
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    text = "Export the-name cannot be updated as it is in use by two"
    assert text in driver.reasons("one")
    assert driver.resources("one")["Logs"] == "first"
    assert driver.deploy("one", DAYS | {"Outputs": {}}) == "UPDATE_ROLLBACK_COMPLETE"
    assert "Export the-name cannot be deleted as it is in use by two" in driver.reasons("one")


def test_a_stack_whose_export_is_in_use_is_not_deleted(driver: Driver) -> None:
    driver.deploy("one", DAYS)
    driver.deploy("two", IMPORTING)
    # It says no more than that: the stack is as it was, and a reason is on record.
    assert driver.delete("one") == "CREATE_COMPLETE"
    reason = "Export the-name cannot be deleted as it is in use by two"
    assert driver.stack("one")["StackStatusReason"] == reason
    assert driver.delete("two") == "DELETE_COMPLETE"
    assert driver.delete("one") == "DELETE_COMPLETE"
    assert driver.call("ListExports")["Exports"] == []


def test_an_export_has_one_owner(driver: Driver) -> None:
    driver.deploy("one", DAYS)
    template = DAYS | {"Resources": {"Logs": LOG_GROUP}}
    assert driver.deploy("two", template) == "ROLLBACK_COMPLETE"
    assert "Export with name the-name is already exported by stack one" in driver.reasons("two")


def triggers(minutes: int = 0) -> dict[str, Any]:
    trigger = {"Arn": ALARM, "Type": "AWS::CloudWatch::Alarm"}
    return {"RollbackTriggers": [trigger], "MonitoringTimeInMinutes": minutes}


def begin(driver: Driver, minutes: int, days: str = "3") -> None:
    """Start an update that is watched."""
    made = driver.change_set(
        "s", DAYS, "UPDATE", Parameters={"Days": days}, RollbackConfiguration=triggers(minutes)
    )
    driver.call("ExecuteChangeSet", ChangeSetName=made["ChangeSetId"])


def test_an_update_is_watched_for_its_monitoring_time(driver: Driver) -> None:
    driver.deploy("s", DAYS)
    begin(driver, minutes=5)
    driver.wait(290)
    assert driver.status("s") == "UPDATE_IN_PROGRESS"
    driver.wait(20)
    assert driver.status("s") == "UPDATE_COMPLETE"
    driver.alarms[ALARM] = "ALARM"
    driver.wait(100)
    assert driver.status("s") == "UPDATE_COMPLETE"  # nobody watches any more


def test_a_trigger_in_alarm_takes_the_update_back(driver: Driver) -> None:
    driver.deploy("s", DAYS)
    begin(driver, minutes=5)
    driver.wait(100)
    driver.alarms[ALARM] = "ALARM"
    driver.wait(1)
    assert driver.status("s").startswith("UPDATE_ROLLBACK")
    driver.wait()
    assert driver.status("s") == "UPDATE_ROLLBACK_COMPLETE"
    assert ALARM in driver.reasons("s")
    assert driver.change_set("s", DAYS, "UPDATE")["Status"] == "FAILED"  # it is as it was


def test_triggers_stay_on_a_stack_until_others_are_given(driver: Driver) -> None:
    driver.deploy("s", DAYS)
    begin(driver, minutes=0)
    driver.wait()
    assert driver.stack("s")["RollbackConfiguration"] == triggers()
    driver.alarms[ALARM] = "ALARM"
    assert driver.deploy("s", DAYS, Parameters={"Days": "5"}) == "UPDATE_ROLLBACK_COMPLETE"
    del driver.alarms[ALARM]
    assert driver.deploy("s", DAYS, Parameters={"Days": "5"}) == "UPDATE_ROLLBACK_COMPLETE"
    assert f"{ALARM} is missing or in ALARM" in driver.reasons("s")
    status = driver.deploy("s", DAYS, Parameters={"Days": "5"}, RollbackConfiguration={})
    assert status == "UPDATE_COMPLETE"


def test_an_alarm_without_data_is_no_reason(driver: Driver) -> None:
    driver.alarms[ALARM] = "INSUFFICIENT_DATA"
    driver.deploy("s", DAYS)
    begin(driver, minutes=1)
    driver.wait()
    assert driver.status("s") == "UPDATE_COMPLETE"


def test_a_template_behind_a_url_is_fetched(driver: Driver) -> None:
    driver.files["https://bucket/key"] = body(DAYS)["TemplateBody"]
    driver.call("CreateStack", StackName="s", TemplateURL="https://bucket/key",
                Parameters=parameters({"Days": 5}))  # fmt: skip
    driver.wait()
    assert driver.status("s") == "CREATE_COMPLETE"
    assert driver.call("GetTemplate", StackName="s")["TemplateBody"] == body(DAYS)["TemplateBody"]


def test_a_big_template_needs_a_url(driver: Driver) -> None:
    big = DAYS | {"Metadata": {"Filler": "x" * 51_200}}
    said = refusal(driver, "CreateStack", StackName="s", **body(big))
    assert "Member must have length less than or equal to 51200" in said
