"""template.yaml and samconfig.toml, as the SAM CLI reads them."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from cfnlint import lint_file
from cfnlint.config import ManualArgs
from samcli.cli.types import CfnParameterOverridesType, CfnTags
from samcli.lib.config.samconfig import SamConfig
from samcli.yamlhelper import yaml_parse
from samtranslator.model.preferences.deployment_preference_collection import (
    CODEDEPLOY_PREDEFINED_CONFIGURATIONS_LIST,
)
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from portable.local.operate.expressions import evaluate
from portable.manifests.alarms import ALIAS
from portable.manifests.cloudformation import render
from portable_runtime import request_log
from portable_runtime.alb_result import MAX_RESULT
from portable_runtime.logs import JSONFormatter
from portable_runtime.marshaller import Marshaller

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "template.yaml"
ALB_TEMPLATE = ROOT / "alb/template.yaml"
EVENTS = ROOT / "tests/events"
DATA = yaml_parse((ROOT / "data/template.yaml").read_text())
DATA_STACKS = {"data-test": "test", "data-prod": "prod"}
FUNCTION_STACKS = {"default": "test", "prod": "prod"}
ALB_STACKS = {"alb-test": "test", "alb-prod": "prod"}
ALARM_STACKS = {"alarms-test": "test", "alarms-prod": "prod"}
ROLLOUTS = {"default": "AllAtOnce", "prod": "Canary10Percent5Minutes"}


def sam(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the SAM CLI of this virtual environment, else the one on the PATH."""
    found = shutil.which("sam", path=Path(sys.executable).parent) or shutil.which("sam")
    assert found, "the SAM CLI is not installed: aws-sam-cli"
    variables = {"AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"}
    return subprocess.run(
        [found, *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def deploy_options(config_env: str) -> dict[str, Any]:
    """Return what `sam deploy --config-env` gets from samconfig.toml."""
    options: dict[str, Any] = SamConfig(ROOT).get_all(["deploy"], "parameters", config_env)
    return options


def overrides(config_env: str) -> dict[str, str]:
    given = deploy_options(config_env)["parameter_overrides"]
    parameters: dict[str, str] = CfnParameterOverridesType().convert(given, None, None)
    return parameters


def translate(**parameters: str) -> dict[str, Any]:
    """Return what the transform makes of template.yaml at a deployment."""
    template = yaml_parse(TEMPLATE.read_text())
    template["Resources"]["ApiFunction"]["Properties"]["ImageUri"] = "repository:tag"
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="us-east-1"))
    result: dict[str, Any] = translator.translate(template, {"EnvName": "test", **parameters})
    return result


@pytest.fixture(scope="module")
def translated() -> dict[str, Any]:
    return translate()


@pytest.fixture(scope="module")
def function(translated: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = translated["Resources"]["ApiFunction"]["Properties"]
    return properties


def test_cfn_lint_finds_nothing() -> None:
    assert lint_file(TEMPLATE, ManualArgs(include_checks=["I"])) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--lint",),
        (),
        ("--lint", "--template-file", "alb/template.yaml"),
        ("--lint", "--template-file", "alb/alarms.yaml"),
    ],
    ids=["lint", "translate", "lint-alb", "lint-alarms"],
)
def test_sam_validates(arguments: tuple[str, ...]) -> None:
    result = sam("validate", *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "is a valid SAM Template" in result.stdout


def test_runs_the_image_with_the_lambda_entry_point(function: dict[str, Any]) -> None:
    assert function["PackageType"] == "Image"
    assert function["Architectures"] == ["x86_64"]
    assert function["ImageConfig"] == {
        "EntryPoint": ["/usr/local/bin/python", "-m", "portable_runtime.lambda_runtime"],
        "Command": ["portable_runtime.lambda_handler.handler"],
    }
    assert function["Environment"]["Variables"]["EXECUTION_ENVIRONMENT"] == "lambda"


def test_builds_the_image_at_the_top_of_the_project() -> None:
    metadata = yaml_parse(TEMPLATE.read_text())["Resources"]["ApiFunction"]["Metadata"]
    assert metadata == {"Dockerfile": "Dockerfile", "DockerContext": ".", "DockerTag": "latest"}


def test_gives_up_before_the_load_balancer_does(function: dict[str, Any]) -> None:
    resources = yaml_parse(ALB_TEMPLATE.read_text())["Resources"]
    attributes = resources["LoadBalancer"]["Properties"]["LoadBalancerAttributes"]
    (idle,) = [item["Value"] for item in attributes if "idle_timeout" in item.get("Key", "")]
    assert function["Timeout"] < int(idle)


def test_lambda_drops_no_line_that_the_app_writes(function: dict[str, Any]) -> None:
    assert function["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": function["Environment"]["Variables"]["LOG_LEVEL"],
        "LogGroup": {"Ref": "LogGroup"},
    }


def test_deploys_a_published_function_with_its_logs_its_role_and_its_rollout(
    translated: dict[str, Any],
) -> None:
    assert sorted(resource["Type"] for resource in translated["Resources"].values()) == [
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Alarm",
        "AWS::CodeDeploy::Application",
        "AWS::CodeDeploy::DeploymentGroup",
        "AWS::IAM::Role",
        "AWS::IAM::Role",
        "AWS::Lambda::Alias",
        "AWS::Lambda::Function",
        "AWS::Lambda::Version",
        "AWS::Logs::LogGroup",
        "AWS::Logs::MetricFilter",
        "AWS::Logs::MetricFilter",
        "AWS::Logs::MetricFilter",
    ]


def test_no_role_has_a_name_which_would_need_another_capability(
    translated: dict[str, Any],
) -> None:
    roles = [r for r in translated["Resources"].values() if r["Type"] == "AWS::IAM::Role"]
    assert [role for role in roles if "RoleName" in role["Properties"]] == []


BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"


def test_every_role_of_every_template_has_the_boundary() -> None:
    """Also those that the transform makes: there is none without it."""
    for template in (
        translate(),
        *(
            yaml_parse((ROOT / "alb" / name).read_text())
            for name in ("template.yaml", "alarms.yaml")
        ),
    ):
        for role in template["Resources"].values():
            if role["Type"] == "AWS::IAM::Role":
                bounded = role["Properties"]["PermissionsBoundary"]
                expected = ["HasPermissionsBoundary", {"Ref": "PermissionsBoundary"}]
                assert bounded["Fn::If"] == [*expected, {"Ref": "AWS::NoValue"}]


@pytest.mark.parametrize("template", ["template.yaml", "alb/alarms.yaml"])
def test_the_boundary_is_applied_by_a_deployment(template: str) -> None:
    given = {"EnvName": "test", "Failover": "enabled"}
    if template == "template.yaml":
        del given["Failover"]
    for boundary in ("", BOUNDARY):
        alias = {"portable-api-test-FunctionAlias": ALIAS}
        given |= {"PermissionsBoundary": boundary}
        resources = render(ROOT / template, given, alias)["Resources"]
        roles = [r["Properties"] for r in resources.values() if r["Type"] == "AWS::IAM::Role"]
        assert roles
        assert {role.get("PermissionsBoundary", "") for role in roles} == {boundary}


def test_memory_and_concurrency_are_parameters() -> None:
    given = {"EnvName": "test", "MemorySize": "512", "ReservedConcurrency": "50"}
    function = render(TEMPLATE, given)["Resources"]["ApiFunction"]["Properties"]
    assert function["MemorySize"] == "512"
    assert function["ReservedConcurrentExecutions"] == "50"
    function = render(TEMPLATE, {"EnvName": "test"})["Resources"]["ApiFunction"]["Properties"]
    assert function["MemorySize"] == 1024
    assert not function.get("ReservedConcurrentExecutions")


@pytest.mark.parametrize("config_env", [*FUNCTION_STACKS, *ALB_STACKS, *ALARM_STACKS])
def test_every_stack_is_tagged(config_env: str) -> None:
    tags = CfnTags().convert(deploy_options(config_env)["tags"], None, None)
    given = overrides(config_env)
    assert tags == {"application": given["AppName"], "environment": given["EnvName"]}


@pytest.mark.parametrize(("config_env", "rollout"), ROLLOUTS.items())
def test_codedeploy_moves_the_alias_as_samconfig_says(config_env: str, rollout: str) -> None:
    resources = translate(**overrides(config_env))["Resources"]
    group = resources["ApiFunctionDeploymentGroup"]["Properties"]
    assert group["DeploymentConfigName"] == {
        "Fn::Sub": ["CodeDeployDefault.Lambda${ConfigName}", {"ConfigName": rollout}]
    }
    update = resources["ApiFunctionAliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert update["DeploymentGroupName"] == {"Ref": "ApiFunctionDeploymentGroup"}


def test_rollout_takes_every_name_of_codedeploy_that_the_transform_knows() -> None:
    allowed = yaml_parse(TEMPLATE.read_text())["Parameters"]["Rollout"]["AllowedValues"]
    assert sorted(allowed) == sorted(CODEDEPLOY_PREDEFINED_CONFIGURATIONS_LIST)


def test_rollout_goes_back_on_alarms_of_its_own_stack(translated: dict[str, Any]) -> None:
    """Those of alb/alarms.yaml are deployed after it."""
    group = translated["Resources"]["ApiFunctionDeploymentGroup"]["Properties"]
    names = [alarm["Name"]["Ref"] for alarm in group["AlarmConfiguration"]["Alarms"]]
    alarms = [
        k for k, r in translated["Resources"].items() if r["Type"] == "AWS::CloudWatch::Alarm"
    ]
    assert sorted(names) == sorted(alarms)
    assert group["AlarmConfiguration"]["Enabled"] is True
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]


def test_crashes_of_the_new_version_are_those_of_the_alias(translated: dict[str, Any]) -> None:
    alarm = translated["Resources"]["NewVersionErrors"]["Properties"]
    alias = translated["Resources"]["ApiFunctionAliaslive"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Errors")
    assert {item["Name"]: item["Value"] for item in alarm["Dimensions"]} == {
        "FunctionName": {"Ref": "ApiFunction"},
        "Resource": {"Fn::Sub": "${ApiFunction}:" + alias["Name"]},
        "ExecutedVersion": alias["FunctionVersion"],
    }


def test_every_version_begins_with_alarms_of_its_own(translated: dict[str, Any]) -> None:
    """CodeDeploy begins no deployment while one of them is in ALARM, and a changed one stays so."""
    version = translated["Resources"]["ApiFunctionAliaslive"]["Properties"]["FunctionVersion"]
    number = "${" + ".".join(version["Fn::GetAtt"]) + "}"
    for name in ("NewVersionErrors", "ServerErrorShare"):
        alarm = translated["Resources"][name]["Properties"]
        assert number in alarm["AlarmName"]["Fn::Sub"]
        assert version in watched_values(alarm)


def watched_values(alarm: dict[str, Any]) -> list[Any]:
    """Return the values of the dimensions of all that an alarm watches; each has the version."""
    metrics = [item["MetricStat"]["Metric"] for item in alarm.get("Metrics", [])[1:]] or [alarm]
    values = [[item["Value"] for item in metric["Dimensions"]] for metric in metrics]
    return [value for value in values[0] if all(value in other for other in values)]


@pytest.mark.parametrize(
    ("errors", "requests", "expected"),
    [
        (None, 100, 0),
        (4, 4, 0),
        (5, 500, 1),
        (10, 100, 10),
        (5, None, None),  # late, or the version has no requests
        (None, None, None),
    ],
)
def test_answers_of_5xx_are_a_share_of_the_requests_in_the_same_log(
    translated: dict[str, Any],
    errors: int | None,
    requests: int | None,
    expected: float | None,
) -> None:
    alarm = translated["Resources"]["ServerErrorShare"]["Properties"]
    expression = alarm["Metrics"][0]["Expression"]
    assert evaluate(expression, {"server_errors": errors, "requests": requests}) == expected


@pytest.mark.parametrize("name", ["NewVersionErrors", "ServerErrorShare"])
def test_one_of_three_minutes_takes_a_version_back(translated: dict[str, Any], name: str) -> None:
    """Of the newest one some lines may not be counted yet, so it is looked at three times."""
    alarm = translated["Resources"][name]["Properties"]
    assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (1, 3)
    assert alarm["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize(
    ("name", "identifier", "expected"),
    [("ServerErrors", "server_errors", [500, 503]), ("Requests", "requests", [200, 499, 500, 503])],
)
def test_metrics_are_made_of_the_request_lines_by_version(
    translated: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    name: str,
    identifier: str,
    expected: list[int],
) -> None:
    resources = translated["Resources"]
    made = resources[name]["Properties"]
    assert made["LogGroupName"] == {"Ref": "LogGroup"}
    pattern = re.fullmatch(r"\{ \$\.(\w+) >= (\d+) \}", made["FilterPattern"])
    assert pattern
    field, least = pattern.groups()

    caplog.set_level("INFO")
    scope = {"method": "GET", "path": "/", "headers": []}
    for status in (200, 499, 500, 503):
        request_log.write(scope, status, 0.1)
    written = JSONFormatter("lambda", "12")
    lines = [json.loads(written.format(record)) for record in caplog.records]
    matching = [line for line in lines if line[field] >= int(least)]
    assert [line["status"] for line in matching] == expected

    (transformation,) = made["MetricTransformations"]
    (dimension,) = transformation["Dimensions"]
    assert {line[dimension["Value"].removeprefix("$.")] for line in matching} == {"12"}
    assert "DefaultValue" not in transformation, "CloudWatch Logs refuses it beside dimensions"
    (watched,) = (
        item["MetricStat"]["Metric"]
        for item in resources["ServerErrorShare"]["Properties"]["Metrics"]
        if item["Id"] == identifier
    )
    assert watched["Namespace"] == transformation["MetricNamespace"]
    assert watched["MetricName"] == transformation["MetricName"]
    assert [item["Name"] for item in watched["Dimensions"]] == [dimension["Key"]]


def test_the_metric_of_the_failover_counts_the_lines_of_refused_responses(
    translated: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    made = translated["Resources"]["TooLargeResponses"]["Properties"]
    assert made["LogGroupName"] == {"Ref": "LogGroup"}
    pattern = re.fullmatch(r"\{ \$\.(\w+) > 0 \}", made["FilterPattern"])
    assert pattern
    response = {"statusCode": 200, "body": "x" * MAX_RESULT, "isBase64Encoded": False}
    Marshaller().marshal_response({**response, "headers": {}})
    (record,) = caplog.records
    assert json.loads(JSONFormatter("lambda").format(record))[pattern[1]] > MAX_RESULT

    (transformation,) = made["MetricTransformations"]
    assert "Dimensions" not in transformation
    alarms = yaml_parse((ROOT / "alb/alarms.yaml").read_text())["Resources"]
    (watched,) = (
        item["MetricStat"]["Metric"]
        for item in alarms["LambdaDownErrors"]["Properties"]["Metrics"]
        if item["Id"] == "too_large"
    )
    assert watched["Namespace"] == transformation["MetricNamespace"]
    assert watched["MetricName"] == transformation["MetricName"]


def unbounded(role: dict[str, Any]) -> list[object]:
    """Return what a role may do to everything, or everything to something."""
    policies = list(role.get("Policies", []))
    found: list[object] = []
    for arn in role.get("ManagedPolicyArns", []):
        if str(arn).endswith("-AppPolicy"):  # rendered, an import is the name of its export
            policies.append(DATA["Resources"]["AppPolicy"]["Properties"])
        else:
            found.append(arn)  # AWS's own ones name "*"
    for policy in policies:
        for statement in policy["PolicyDocument"]["Statement"]:
            for key in ("Action", "Resource"):
                value = statement.get(key, "*")  # NotAction, NotResource
                for item in value if isinstance(value, list) else [value]:
                    if statement["Effect"] == "Allow" and re.fullmatch(r"[\w-]*:?\*", str(item)):
                        found.append(statement)
    return found


def test_function_may_write_its_own_logs_and_what_the_app_needs_by_name(
    translated: dict[str, Any], function: dict[str, Any]
) -> None:
    assert function["Role"] == {"Fn::GetAtt": ["ExecutionRole", "Arn"]}
    role = render(TEMPLATE, {"EnvName": "test"})["Resources"]["ExecutionRole"]["Properties"]
    (logs,) = (policy for policy in role["Policies"] if policy["PolicyName"] == "WriteLogs")
    assert logs["PolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": "LogGroup.Arn",
        }
    ]
    assert unbounded(role) == []


def test_traces_are_written_and_named_only_where_tracing_is_active() -> None:
    off, on = (
        render(TEMPLATE, {"EnvName": "test", "Tracing": mode})["Resources"]
        for mode in ("PassThrough", "Active")
    )
    function, traced = off["ApiFunction"]["Properties"], on["ApiFunction"]["Properties"]
    assert (function["Tracing"], traced["Tracing"]) == ("PassThrough", "Active")
    variables = traced["Environment"]["Variables"]
    assert variables["OTEL_SERVICE_NAME"] == "portable-api-test"
    changed = {"TRACING": "true", "OTEL_SERVICE_NAME": "portable-api-test"}
    assert variables == function["Environment"]["Variables"] | changed

    role = on["ExecutionRole"]["Properties"]
    (traces,) = unbounded(role)  # X-Ray knows no resource for them
    assert traces == {
        "Effect": "Allow",
        "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
        "Resource": "*",
    }
    without = [p for p in role["Policies"] if p["PolicyDocument"]["Statement"] != [traces]]
    assert without == off["ExecutionRole"]["Properties"]["Policies"]


def test_the_mode_of_tracing_is_the_parameter(function: dict[str, Any]) -> None:
    assert function["TracingConfig"] == {"Mode": {"Ref": "Tracing"}}


SECRETS_PAGE = (ROOT / "cli/docs/secrets.md").read_text()
(TABLE_POLICY,) = (
    yaml_parse(block)
    for block in re.findall(r"^```yaml\n(.*?)^```$", SECRETS_PAGE, re.MULTILINE | re.DOTALL)
    if "PolicyName: UseTable" in block
)


def test_the_policy_of_the_page_is_bounded() -> None:
    assert unbounded({"Policies": TABLE_POLICY}) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Action", "*"),
        ("Action", ["dynamodb:GetItem", "dynamodb:*"]),
        ("Resource", "*"),
        ("Resource", None),
    ],
)
def test_a_right_to_everything_is_found(key: str, value: object) -> None:
    policy = copy.deepcopy(TABLE_POLICY)
    (statement,) = policy[0]["PolicyDocument"]["Statement"]
    if value is None:
        statement["NotResource"] = statement.pop(key)
    else:
        statement[key] = value
    assert unbounded({"Policies": policy}) == [statement]


def test_log_group_keeps_lines_for_as_long_as_the_service_does(translated: dict[str, Any]) -> None:
    service = yaml_parse((ROOT / "copilot/api/manifest.yml").read_text())
    retention = translated["Resources"]["LogGroup"]["Properties"]["RetentionInDays"]
    assert retention == service["logging"]["retention"]


def test_exports_the_alias_that_the_load_balancer_invokes(translated: dict[str, Any]) -> None:
    alias = translated["Resources"]["ApiFunctionAliaslive"]["Properties"]
    assert alias["Name"] == "live"
    output = translated["Outputs"]["FunctionAlias"]
    assert output["Value"] == {"Ref": "ApiFunctionAliaslive"}
    resources = yaml_parse(ALB_TEMPLATE.read_text())["Resources"]
    imported = {"Fn::ImportValue": output["Export"]["Name"]}
    assert resources["LambdaPermission"]["Properties"]["FunctionName"] == imported
    assert resources["LambdaTargetGroup"]["Properties"]["Targets"] == [{"Id": imported}]


def test_samconfig_names_a_stack_of_each_kind_for_each_environment() -> None:
    environments = (*DATA_STACKS, *FUNCTION_STACKS, *ALB_STACKS, *ALARM_STACKS)
    assert {env: deploy_options(env)["stack_name"] for env in environments} == {
        "default": "portable-api-lambda-test",
        "prod": "portable-api-lambda-prod",
        "data-test": "portable-api-data-test",
        "data-prod": "portable-api-data-prod",
        "alb-test": "portable-api-alb-test",
        "alb-prod": "portable-api-alb-prod",
        "alarms-test": "portable-api-alarms-test",
        "alarms-prod": "portable-api-alarms-prod",
    }


@pytest.mark.parametrize(("config_env", "env"), FUNCTION_STACKS.items())
def test_function_deploys_as_built_and_with_no_flags(config_env: str, env: str) -> None:
    options = deploy_options(config_env)
    assert "template_file" not in options  # else the source is deployed, not what was built
    assert options["resolve_image_repos"] is True
    assert options["capabilities"] == "CAPABILITY_IAM"
    assert overrides(config_env)["EnvName"] == env


@pytest.mark.parametrize(("config_env", "env"), ALB_STACKS.items())
def test_load_balancer_deploys_with_the_weights_of_samconfig(config_env: str, env: str) -> None:
    assert deploy_options(config_env)["template_file"] == "alb/template.yaml"
    assert {"LambdaWeight", "FargateWeight"} <= set(overrides(config_env))
    assert overrides(config_env)["EnvName"] == env


@pytest.mark.parametrize(("config_env", "env"), ALARM_STACKS.items())
def test_alarms_may_make_the_role_of_the_failover(config_env: str, env: str) -> None:
    assert deploy_options(config_env)["template_file"] == "alb/alarms.yaml"
    assert deploy_options(config_env)["capabilities"] == "CAPABILITY_IAM"
    assert overrides(config_env)["EnvName"] == env


@pytest.mark.parametrize("config_env", [*DATA_STACKS, *FUNCTION_STACKS, *ALB_STACKS, *ALARM_STACKS])
def test_samconfig_sets_every_parameter_of_the_template(config_env: str) -> None:
    """One that is left out keeps its last value, so to delete a line would change nothing."""
    template = ROOT / deploy_options(config_env).get("template_file", "template.yaml")
    assert set(overrides(config_env)) == set(yaml_parse(template.read_text())["Parameters"])


@pytest.mark.parametrize("other", ["alb/template.yaml", "alb/alarms.yaml"])
def test_all_templates_accept_the_same_names(other: str) -> None:
    sam_parameters = yaml_parse(TEMPLATE.read_text())["Parameters"]
    other_parameters = yaml_parse((ROOT / other).read_text())["Parameters"]
    assert len("-".join(["a" * 14, "e" * 10, "lambda"])) == 32, "a target group's name"
    for name, longest in (("AppName", 14), ("EnvName", 10)):
        assert sam_parameters[name]["MaxLength"] == longest
        ours, theirs = sam_parameters[name], other_parameters[name]
        assert {**ours, "Description": ""} == {**theirs, "Description": ""}


@pytest.mark.parametrize("name", ["alb-get", "alb-post", "alb-health-check"])
def test_events_are_those_of_a_target_group_with_multi_value_headers(name: str) -> None:
    event = json.loads((EVENTS / f"{name}.json").read_text())
    assert sorted(event) == [
        "body",
        "httpMethod",
        "isBase64Encoded",
        "multiValueHeaders",
        "multiValueQueryStringParameters",
        "path",
        "requestContext",
    ]
    target_group = event["requestContext"]["elb"]["targetGroupArn"]
    assert ":targetgroup/service-test-lambda/" in target_group
    queries, headers = event["multiValueQueryStringParameters"], event["multiValueHeaders"]
    assert all(isinstance(values, list) for values in (*queries.values(), *headers.values()))
    assert all(name == name.lower() for name in headers)


def test_health_check_event_has_no_header_but_the_user_agent() -> None:
    event = json.loads((EVENTS / "alb-health-check.json").read_text())
    assert event["path"] == "/healthz"
    assert event["multiValueHeaders"] == {"user-agent": ["ELB-HealthChecker/2.0"]}
