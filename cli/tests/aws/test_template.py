"""What the emulated CloudFormation makes of a template and its parameters."""

from typing import Any

import pytest

from tests.aws.stack_driver import LOG_GROUP, Driver, body, parameters, refusal


@pytest.fixture
def driver() -> Driver:
    return Driver()


def output(driver: Driver, value: Any, **rest: Any) -> str:
    """The value of an output, as a stack of its own evaluates it."""
    template = {"Resources": {"Logs": LOG_GROUP}, "Outputs": {"O": {"Value": value}}} | rest
    name = f"s{driver.now:.0f}"
    assert driver.deploy(name, template) == "CREATE_COMPLETE", driver.reasons(name)
    return driver.outputs(name)["O"]


def declared(**parameter: Any) -> dict[str, Any]:
    return {"Parameters": {"P": {"Type": "String"} | parameter}, "Resources": {"Logs": LOG_GROUP}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "AWS::AccountId"}, "123456789012"),
        ({"Fn::Join": ["-", ["a", {"Ref": "AWS::Region"}]]}, "a-us-east-1"),
        ({"Fn::Sub": "${AWS::Partition} ${!Literal}"}, "aws ${Literal}"),
        ({"Fn::Sub": ["${A} ${AWS::StackName}", {"A": {"Fn::Sub": "x"}}]}, "x s0"),
        ({"Fn::Select": ["1", {"Fn::Split": [",", "a,b,c"]}]}, "b"),
        ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, "us-east-1a"),
        ({"Fn::Base64": "hello"}, "aGVsbG8="),
        ({"Fn::Select": [1, {"Fn::Cidr": ["10.0.0.0/16", 2, 8]}]}, "10.0.1.0/24"),
        ("{{resolve:ssm:/a/b:1}}", "ssm /a/b:1"),
        (8080, "8080"),
        (True, "true"),
    ],
)
def test_a_function_is_evaluated(driver: Driver, value: Any, expected: str) -> None:
    assert output(driver, value) == expected


def test_a_mapping_is_looked_up(driver: Driver) -> None:
    mappings = {"Sizes": {"us-east-1": {"cpu": "256"}}}
    value = {"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "cpu"]}
    assert output(driver, value, Mappings=mappings) == "256"


def test_a_condition_chooses_and_leaves_out(driver: Driver) -> None:
    template = {
        "Parameters": {"P": {"Type": "String"}},
        "Conditions": {
            "A": {"Fn::Equals": [{"Ref": "P"}, "a"]},
            "Other": {"Fn::Not": [{"Condition": "A"}]},
            "Both": {"Fn::And": [{"Condition": "A"}, {"Condition": "Other"}]},
            "Any": {"Fn::Or": [{"Condition": "A"}, {"Condition": "Other"}]},
        },
        "Resources": {
            "Logs": {
                "Type": "AWS::Logs::LogGroup",
                "Properties": {
                    "LogGroupName": {"Fn::If": ["A", "chosen", {"Ref": "AWS::NoValue"}]}
                },
            },
            "Never": LOG_GROUP | {"Condition": "Both"},
            "Always": LOG_GROUP | {"Condition": "Any"},
        },
        "Outputs": {"Other": {"Value": "x", "Condition": "Other"}},
    }
    driver.deploy("yes", template, Parameters={"P": "a"})
    assert driver.resources("yes").keys() == {"Logs", "Always"}
    assert driver.resources("yes")["Logs"] == "chosen"
    assert driver.outputs("yes") == {}
    driver.deploy("no", template, Parameters={"P": "b"})
    assert driver.resources("no")["Logs"].startswith("no-Logs-")  # CloudFormation names it
    assert driver.outputs("no") == {"Other": "x"}


def test_short_tags_of_yaml_are_read(driver: Driver) -> None:
    text = """
        AWSTemplateFormatVersion: 2010-09-09
        Resources:
          Logs: {Type: AWS::Logs::LogGroup}
        Outputs:
          Arn: {Value: !GetAtt Logs.Arn}
          Same: {Value: !Sub '${Logs.Arn}'}
          Name: {Value: !Ref Logs}
    """
    driver.deploy("s", text)
    found = driver.outputs("s")
    assert found["Arn"] == f"arn:aws:logs:us-east-1:123456789012:log-group:{found['Name']}:*"
    assert found["Same"] == found["Arn"]


@pytest.mark.parametrize(
    ("parameter", "value", "fault"),
    [
        ({"AllowedValues": ["a", "b"]}, "c", "Parameter 'P' must be one of AllowedValues [a, b]"),
        ({"AllowedPattern": "a+"}, "ab", "Parameter 'P' must match pattern a+"),
        (
            {"AllowedPattern": "a", "ConstraintDescription": "must be a"},
            "b",
            "Parameter P failed to satisfy constraint: must be a",
        ),
        ({"Type": "Number"}, "x", "Parameter 'P' must be a number"),
        (
            {"Type": "Number", "MaxValue": 999},
            "1000",
            "Parameter 'P' must be a number not greater than 999",
        ),
        (
            {"Type": "Number", "MinValue": 0},
            "-1",
            "Parameter 'P' must be a number not less than 0",
        ),
        ({"MaxLength": 2}, "abc", "Parameter 'P' must contain at most 2 characters"),
        ({"MinLength": 2}, "a", "Parameter 'P' must contain at least 2 characters"),
    ],
)
def test_a_value_that_a_parameter_does_not_allow_is_refused(
    driver: Driver, parameter: dict[str, Any], value: str, fault: str
) -> None:
    request = body(declared(**parameter)) | {"Parameters": parameters({"P": value})}
    said = refusal(driver, "CreateStack", StackName="s", **request)
    assert said == f"ValidationError: {fault}"
    assert driver.call("DescribeStacks")["Stacks"] == []


def test_a_parameter_without_a_default_must_have_a_value(driver: Driver) -> None:
    said = refusal(driver, "CreateStack", StackName="s", **body(declared()))
    assert said == "ValidationError: Parameters: [P] must have values"


def test_a_value_for_no_parameter_is_refused(driver: Driver) -> None:
    request = body(declared()) | {"Parameters": parameters({"P": "a", "Q": "b"})}
    said = refusal(driver, "CreateStack", StackName="s", **request)
    assert said == "ValidationError: Parameters: [Q] do not exist in the template"


def test_a_previous_value_has_to_be_there(driver: Driver) -> None:
    request = body(declared()) | {"Parameters": parameters({"P": None})}
    said = refusal(driver, "CreateStack", StackName="s", **request)
    assert "Cannot specify usePreviousValue as true for a parameter key not in" in said


def test_what_an_update_leaves_out_gets_its_default_and_not_the_previous_value(
    driver: Driver,
) -> None:
    template = declared(Default="default")
    template["Outputs"] = {"O": {"Value": {"Ref": "P"}}}
    driver.deploy("s", template, Parameters={"P": "given"})
    template["Outputs"]["New"] = {"Value": "1"}
    driver.deploy("s", template, Parameters={"P": None})
    assert driver.outputs("s")["O"] == "given"
    driver.deploy("s", template)
    assert driver.outputs("s")["O"] == "default"


def test_a_secret_is_not_shown(driver: Driver) -> None:
    driver.deploy("s", declared(NoEcho=True), Parameters={"P": "secret"})
    assert driver.stack("s")["Parameters"] == [{"ParameterKey": "P", "ParameterValue": "****"}]


def test_lists_and_parameters_of_systems_manager(driver: Driver) -> None:
    template = declared(Type="AWS::SSM::Parameter::Value<String>")
    template["Parameters"]["L"] = {"Type": "CommaDelimitedList"}
    template["Outputs"] = {
        "P": {"Value": {"Ref": "P"}},
        "L": {"Value": {"Fn::Join": ["+", {"Ref": "L"}]}},
    }
    driver.deploy("s", template, Parameters={"P": "/a", "L": "x, y"})
    assert driver.outputs("s") == {"P": "ssm /a", "L": "x+y"}


def test_a_rule_that_fails_is_the_reason(driver: Driver) -> None:
    template = declared()
    not_a = {"Fn::Not": [{"Fn::Equals": [{"Ref": "P"}, "a"]}]}
    template["Rules"] = {
        "NotA": {"Assertions": [{"Assert": not_a, "AssertDescription": "P is a."}]},
        "Never": {
            "RuleCondition": {"Fn::Equals": ["1", "2"]},
            "Assertions": [{"Assert": {"Fn::Equals": ["1", "2"]}}],
        },
    }
    request = body(template) | {"Parameters": parameters({"P": "a"})}
    assert "P is a." in refusal(driver, "CreateStack", StackName="s", **request)
    assert driver.change_set("s", template, Parameters={"P": "b"})["Status"] == "CREATE_COMPLETE"


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("a: [", "not well-formed"),
        ({"Resource": {}}, "Invalid template property or properties [Resource]"),
        ({"Resources": {}}, "At least one Resources member must be defined"),
        ({"Resources": {"A": {"Type": "AWS::No::Such"}}}, "Unrecognized resource types"),
        ({"Resources": {"A": {"Type": "AWS::Serverless::Function"}}}, "Unrecognized resource"),
        ({"Resources": {"A": LOG_GROUP | {"DependsOn": "B"}}}, "[B]"),
        ({"Resources": {"A": LOG_GROUP | {"Condition": "C"}}}, "dependency C"),
        (
            {"Resources": {"A": LOG_GROUP}, "Outputs": {"O": {"Value": {"Ref": "Lost"}}}},
            "Unresolved resource dependencies [Lost] in the Outputs block",
        ),
        ({"Transform": "Mine", "Resources": {"A": LOG_GROUP}}, "No transform named Mine found"),
    ],
)
def test_a_template_that_leads_nowhere_is_refused(
    driver: Driver, template: Any, fault: str
) -> None:
    capabilities = ["CAPABILITY_AUTO_EXPAND"]
    said = refusal(
        driver, "CreateStack", StackName="s", Capabilities=capabilities, **body(template)
    )
    assert said.startswith("ValidationError: ")
    assert fault in said


def test_resources_in_a_circle_are_refused(driver: Driver) -> None:
    resources = {"A": LOG_GROUP | {"DependsOn": "B"}, "B": LOG_GROUP | {"DependsOn": "A"}}
    made = driver.change_set("s", {"Resources": resources})
    assert made["Status"] == "FAILED"
    assert "Circular dependency between resources" in made["StatusReason"]


def test_an_attribute_that_a_type_does_not_have_is_refused(driver: Driver) -> None:
    template = {
        "Resources": {"Logs": LOG_GROUP},
        "Outputs": {"O": {"Value": {"Fn::GetAtt": ["Logs", "Size"]}}},
    }
    said = refusal(driver, "CreateStack", StackName="s", **body(template))
    assert "resource Logs does not support attribute type Size in Fn::GetAtt" in said


def test_a_summary_of_a_template(driver: Driver) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
    template = declared(Default="a", Description="text") | {
        "Description": "d",
        "Metadata": {"Version": "v1"},
        "Resources": {"Role": role},
    }
    found = driver.call("GetTemplateSummary", **body(template))
    assert found["Capabilities"] == ["CAPABILITY_IAM"]
    assert found["ResourceTypes"] == ["AWS::IAM::Role"]
    assert found["Metadata"] == '{"Version": "v1"}'
    assert found["Parameters"][0]["DefaultValue"] == "a"
    assert driver.call("ValidateTemplate", **body(template))["Description"] == "d"
