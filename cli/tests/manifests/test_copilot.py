"""The Fargate side, as the real `copilot` hands it to CloudFormation."""

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import lint_file
from cfnlint.decode import cfn_yaml

from portable.check.rendering import render
from portable.manifests.agreement import TEMPORARY

ROOT = Path(__file__).parents[3]
ENVIRONMENTS = ["test", "prod"]

# What cfn-lint finds in Copilot's own part of the templates, by rule and resource. None of it is
# ours to change, and none of it matters here.
COPILOTS_OWN_FINDINGS = {
    ("W3005", "TaskDefinition"),  # a DependsOn that a Ref implies already
    ("W3005", "EnvironmentManagerRole"),
    ("W3005", "DelegateDNSAction"),
    ("W3005", "HTTPSCert"),
    ("W3011", "CloudformationExecutionRole"),  # retained at deletion but not at replacement
    ("W3011", "EnvironmentManagerRole"),
    ("W3037", "DynamicDesiredCountFunctionRole"),  # allows actions that no service has
    ("W3037", "EnvironmentManagerRole"),
    ("W3037", "CustomResourceRole"),
    ("W1001", "HTTPSListener"),  # listeners that only a load balancer of Copilot's brings about
    ("E3676", "InternalHTTPSListener"),
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with everything that Copilot would deploy, in both environments."""
    directory = tmp_path_factory.mktemp("rendered")
    for environment in ENVIRONMENTS:
        render(ROOT, "portable-api", environment, ["api"], directory)
    return directory


@pytest.fixture(params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def template(rendered: Path, environment: str) -> dict[str, Any]:
    return cfn_yaml.load(str(rendered / f"api-{environment}.stack.yml"))


@pytest.fixture
def environment_template(rendered: Path, environment: str) -> dict[str, Any]:
    return cfn_yaml.load(str(rendered / f"{environment}.env.yml"))


@pytest.fixture
def parameters(rendered: Path, environment: str) -> dict[str, str]:
    return json.loads((rendered / f"api-{environment}.params.json").read_text())["Parameters"]


@pytest.fixture
def service(template: dict[str, Any]) -> dict[str, Any]:
    return template["Resources"]["Service"]["Properties"]


@pytest.fixture
def task(template: dict[str, Any]) -> dict[str, Any]:
    return template["Resources"]["TaskDefinition"]["Properties"]


@pytest.fixture
def container(task: dict[str, Any]) -> dict[str, Any]:
    [container] = task["ContainerDefinitions"]
    return container


@pytest.fixture
def variables(container: dict[str, Any]) -> dict[str, str]:
    return {entry["Name"]: entry["Value"] for entry in container["Environment"]}


@pytest.fixture
def health_check(container: dict[str, Any]) -> Callable[[int], int]:
    """Run the container's health check on another port; the result is its exit code."""
    kind, python, *arguments = container["HealthCheck"]["Command"]
    assert (kind, python) == ("CMD", "/usr/local/bin/python")

    def run(port: int) -> int:
        command = [sys.executable, *(part.replace("8080", str(port)) for part in arguments)]
        return subprocess.run(command, capture_output=True, timeout=60).returncode

    return run


@pytest.fixture
def manifest() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "copilot/api/manifest.yml").read_text())


def imported(suffix: str) -> dict[str, Any]:
    return {"Fn::ImportValue": {"Fn::Sub": "${AppName}-${EnvName}-" + suffix}}


def functions(template: dict[str, Any]) -> dict[str, str]:
    """The runtime of every function in a template."""
    return {
        name: resource["Properties"]["Runtime"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }


def test_names_are_those_that_the_other_stacks_import(parameters, environment):
    names = {key: parameters[key] for key in ("AppName", "EnvName", "WorkloadName")}
    assert names == {"AppName": "portable-api", "EnvName": environment, "WorkloadName": "api"}


@pytest.mark.parametrize("name", ["api-{}.stack.yml", "{}.env.yml"])
def test_template_passes_cfn_lint(rendered, environment, name):
    findings = lint_file(rendered / name.format(environment))
    ours = [
        str(finding)
        for finding in findings
        if (finding.rule.id, (finding.path or [None, None])[1]) not in COPILOTS_OWN_FINDINGS
    ]
    assert ours == []


def test_tasks_are_registered_in_the_target_group_of_the_alb_stack(service, parameters):
    target = {
        "ContainerName": {"Ref": "TargetContainer"},
        "ContainerPort": {"Ref": "ContainerPort"},
        "TargetGroupArn": imported("FargateTargetGroup"),
    }
    assert service["LoadBalancers"] == [target]
    assert (parameters["TargetContainer"], parameters["ContainerPort"]) == ("api", "8080")


def test_tasks_sit_in_private_subnets_without_a_public_address(service):
    assert service["NetworkConfiguration"]["AwsvpcConfiguration"] == {
        "AssignPublicIp": "DISABLED",
        "Subnets": {"Fn::Split": [",", imported("PrivateSubnets")]},
        "SecurityGroups": [imported("EnvironmentSecurityGroup")],
    }


def test_private_tasks_ask_the_environment_for_nat_gateways(template, environment_template):
    action = template["Resources"]["EnvControllerAction"]["Properties"]
    assert action["Parameters"] == ["NATWorkloads"]
    kinds = [resource["Type"] for resource in environment_template["Resources"].values()]
    assert kinds.count("AWS::EC2::NatGateway") == 2


def test_half_of_the_tasks_run_on_spot_and_one_never_does(service, environment_template):
    assert "LaunchType" not in service
    assert service["CapacityProviderStrategy"] == [
        {"CapacityProvider": "FARGATE", "Base": 1, "Weight": 50},
        {"CapacityProvider": "FARGATE_SPOT", "Weight": 50},
    ]
    cluster = environment_template["Resources"]["Cluster"]["Properties"]
    assert cluster["CapacityProviders"] == ["FARGATE", "FARGATE_SPOT"]


def test_deployment_is_taken_back_on_the_alarms_that_it_cannot_cause_itself(service, environment):
    """New tasks are unhealthy for a moment, so the alarm about that is none of them."""
    text = (ROOT / "alb/alarms.yaml").read_text()
    names = set(re.findall(r"AlarmName: !Sub (\S+-fargate-\S+)", text))
    values = {"${AppName}": "portable-api", "${EnvName}": environment}
    for variable, value in values.items():
        names = {name.replace(variable, value) for name in names}
    alarms = service["DeploymentConfiguration"]["Alarms"]
    assert (alarms["Enable"], alarms["Rollback"]) == (True, True)
    assert alarms["AlarmNames"] == [
        f"portable-api-{environment}-fargate-errors",
        f"portable-api-{environment}-fargate-latency",
    ]
    assert set(alarms["AlarmNames"]) < names


def test_starting_task_has_time_before_health_checks_count(service):
    assert service["HealthCheckGracePeriodSeconds"] == 60


def test_server_shuts_down_before_the_container_is_killed(container, variables):
    assert container["StopTimeout"] == 30
    assert int(variables["GRACEFUL_SHUTDOWN_SECONDS"]) < container["StopTimeout"]


def test_exec_is_for_test_and_the_read_only_root_for_prod(service, container, environment):
    """ECS supports only one of them at a time."""
    exec_enabled = service.get("EnableExecuteCommand", False)
    read_only = container.get("ReadonlyRootFilesystem", False)
    assert (exec_enabled, read_only) == {"test": (True, False), "prod": (False, True)}[environment]


def test_a_task_may_write_to_tmp_on_its_own_disk(task, container):
    """No host, no file system elsewhere: an empty folder, which ends with the task."""
    assert task["Volumes"] == [{"Name": "tmp"}]
    assert container["MountPoints"] == [
        {"SourceVolume": "tmp", "ContainerPath": TEMPORARY, "ReadOnly": False}
    ]


def test_variables_reach_the_container(variables, manifest, environment):
    overrides = manifest["environments"].get(environment, {}).get("variables", {})
    given = manifest["variables"] | overrides
    for name, value in given.items():
        if isinstance(value, dict):
            export = value["from_cfn"].replace("${COPILOT_APPLICATION_NAME}", "portable-api")
            export = export.replace("${COPILOT_ENVIRONMENT_NAME}", environment)
            given[name] = {"Fn::ImportValue": export}
    assert variables.items() >= given.items()
    assert variables["EXECUTION_ENVIRONMENT"] == "ecs"


def test_forwarded_headers_are_trusted_from_the_public_subnets_only(
    variables, environment_template
):
    public = [
        resource["Properties"]["CidrBlock"]
        for resource in environment_template["Resources"].values()
        if resource["Type"] == "AWS::EC2::Subnet" and resource["Properties"]["MapPublicIpOnLaunch"]
    ]
    assert len(public) == 2
    assert variables["FORWARDED_ALLOW_IPS"].split(",") == public


def test_server_listens_on_the_port_that_is_mapped(container, variables):
    [mapping] = container["PortMappings"]
    assert mapping["ContainerPort"] == 8080
    assert variables["PORT"] == "8080"


def test_container_starts_the_server(container):
    assert container["Command"] == ["/usr/local/bin/python", "-m", "portable_runtime.server"]
    assert "EntryPoint" not in container


def test_image_is_built_from_the_dockerfile_at_the_top(manifest):
    build = manifest["image"]["build"]
    assert (build["dockerfile"], build["context"]) == ("Dockerfile", ".")


def test_task_runs_on_x86_64_with_one_cpu_and_four_gigabytes(task, parameters, manifest):
    assert manifest["platform"] == "linux/x86_64"
    assert "RuntimePlatform" not in task  # which is what Copilot renders for the default of ECS
    assert (parameters["TaskCPU"], parameters["TaskMemory"]) == ("1024", "4096")
    assert (task["Cpu"], task["Memory"]) == ({"Ref": "TaskCPU"}, {"Ref": "TaskMemory"})


def test_logs_are_kept_for_thirty_days(template, parameters):
    retention = template["Resources"]["LogGroup"]["Properties"]["RetentionInDays"]
    assert (retention, parameters["LogRetention"]) == ({"Ref": "LogRetention"}, "30")


def test_service_scales_on_cpu_within_its_range(template, environment):
    resources = template["Resources"]
    target = resources["AutoScalingTarget"]["Properties"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (
        2,
        {"test": 4, "prod": 10}[environment],
    )
    policy = resources["AutoScalingPolicyECSServiceAverageCPUUtilization"]["Properties"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 70


def test_every_function_of_the_service_is_off_the_old_runtime(template):
    assert functions(template) == {
        "DynamicDesiredCountFunction": "nodejs24.x",
        "EnvControllerFunction": "nodejs24.x",
    }


def test_every_function_of_the_environment_is_off_the_old_runtime(environment_template):
    assert functions(environment_template) == {
        "CertificateValidationFunction": "nodejs24.x",
        "CustomDomainFunction": "nodejs24.x",
        "DNSDelegationFunction": "nodejs24.x",
    }


def test_old_runtime_is_nowhere_in_what_is_deployed(rendered):
    templates = list(rendered.glob("*.yml"))
    assert len(templates) == 4
    assert [path.name for path in templates if "nodejs20" in path.read_text()] == []


@pytest.mark.parametrize(("status", "exit_code"), [(200, 0), (503, 1)])
def test_container_health_check_asks_healthz(health_check, status, exit_code):
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert health_check(server.server_port) == exit_code
        finally:
            server.shutdown()
            thread.join()
    assert asked == ["/healthz"]


def test_container_health_check_fails_without_a_server(health_check):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and does not listen
        assert health_check(unused.getsockname()[1]) == 1
