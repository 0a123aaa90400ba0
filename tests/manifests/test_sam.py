"""template.yaml and samconfig.toml, as the SAM CLI reads them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from cfnlint import lint_file
from cfnlint.config import ManualArgs
from samcli.cli.types import CfnParameterOverridesType
from samcli.lib.config.samconfig import SamConfig
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template.yaml"
ALB_TEMPLATE = ROOT / "alb/template.yaml"
EVENTS = ROOT / "tests/events"
FUNCTION_STACKS = {"default": "test", "prod": "prod"}
ALB_STACKS = {"alb": "test", "alb-prod": "prod"}


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


@pytest.fixture(scope="module")
def translated() -> dict[str, Any]:
    """What the transform makes of template.yaml at a deployment."""
    template = yaml_parse(TEMPLATE.read_text())
    template["Resources"]["ApiFunction"]["Properties"]["ImageUri"] = "repository:tag"
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="us-east-1"))
    result: dict[str, Any] = translator.translate(template, {"EnvName": "test"})
    return result


@pytest.fixture(scope="module")
def function(translated: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = translated["Resources"]["ApiFunction"]["Properties"]
    return properties


def test_cfn_lint_finds_nothing() -> None:
    assert lint_file(TEMPLATE, ManualArgs(include_checks=["I"])) == []


@pytest.mark.parametrize(
    "arguments",
    [("--lint",), (), ("--lint", "--template-file", "alb/template.yaml")],
    ids=["lint", "translate", "lint-alb"],
)
def test_sam_validates(arguments: tuple[str, ...]) -> None:
    result = sam("validate", *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "is a valid SAM Template" in result.stdout


def test_runs_the_image_with_the_lambda_entry_point(function: dict[str, Any]) -> None:
    assert function["PackageType"] == "Image"
    assert function["Architectures"] == ["x86_64"]
    assert function["ImageConfig"] == {
        "EntryPoint": ["/usr/local/bin/python", "-m", "portable_api.lambda_runtime"],
        "Command": ["portable_api.lambda_handler.handler"],
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


def test_deploys_nothing_but_a_published_function_its_log_group_and_its_role(
    translated: dict[str, Any],
) -> None:
    assert sorted(resource["Type"] for resource in translated["Resources"].values()) == [
        "AWS::IAM::Role",
        "AWS::Lambda::Alias",
        "AWS::Lambda::Function",
        "AWS::Lambda::Version",
        "AWS::Logs::LogGroup",
    ]


def test_function_may_write_its_own_logs_and_nothing_else(
    translated: dict[str, Any], function: dict[str, Any]
) -> None:
    assert function["Role"] == {"Fn::GetAtt": ["ExecutionRole", "Arn"]}
    role = translated["Resources"]["ExecutionRole"]["Properties"]
    assert sorted(role) == ["AssumeRolePolicyDocument", "Policies"]
    (policy,) = role["Policies"]
    assert policy["PolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {"Fn::GetAtt": ["LogGroup", "Arn"]},
        }
    ]


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
    stacks = {env: deploy_options(env)["stack_name"] for env in (*FUNCTION_STACKS, *ALB_STACKS)}
    assert stacks == {
        "default": "portable-api-lambda-test",
        "prod": "portable-api-lambda-prod",
        "alb": "portable-api-alb-test",
        "alb-prod": "portable-api-alb-prod",
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


@pytest.mark.parametrize("config_env", [*FUNCTION_STACKS, *ALB_STACKS])
def test_samconfig_sets_only_parameters_of_the_template(config_env: str) -> None:
    template = ROOT / deploy_options(config_env).get("template_file", "template.yaml")
    parameters = yaml_parse(template.read_text())["Parameters"]
    required = {name for name, parameter in parameters.items() if "Default" not in parameter}
    assert required <= set(overrides(config_env)) <= set(parameters)


def test_both_templates_accept_the_same_names() -> None:
    sam_parameters = yaml_parse(TEMPLATE.read_text())["Parameters"]
    alb_parameters = yaml_parse(ALB_TEMPLATE.read_text())["Parameters"]
    for name in ("AppName", "EnvName"):
        ours, theirs = sam_parameters[name], alb_parameters[name]
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
    assert ":targetgroup/portable-api-test-lambda/" in target_group
    queries, headers = event["multiValueQueryStringParameters"], event["multiValueHeaders"]
    assert all(isinstance(values, list) for values in (*queries.values(), *headers.values()))
    assert all(name == name.lower() for name in headers)


def test_health_check_event_has_no_header_but_the_user_agent() -> None:
    event = json.loads((EVENTS / "alb-health-check.json").read_text())
    assert event["path"] == "/healthz"
    assert event["multiValueHeaders"] == {"user-agent": ["ELB-HealthChecker/2.0"]}
