"""The manifests of this repository, as the local run reads them, and with one value changed."""

import shutil
from pathlib import Path

import pytest

from portable.errors import PortableError
from portable.manifests.agreement import TEMPORARY
from portable.manifests.system import ALB, WORKSPACE, load

SERVICE = "copilot/api/manifest.yml"
PATCHES = "copilot/api/overrides/cfn.patches.yml"


@pytest.fixture
def copy(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the manifests, which is the current folder too."""
    for name in ("template.yaml", "samconfig.toml", ALB, SERVICE, PATCHES, WORKSPACE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(copy: Path, name: str, old: str, new: str) -> None:
    text = (copy / name).read_text()
    assert old in text, f"{name} has no {old!r} any more"
    (copy / name).write_text(text.replace(old, new))


def refusal(copy: Path, environment: str = "test", **weights: int) -> str:
    with pytest.raises(PortableError) as error:
        load(copy, environment, weights)
    message = error.value.format_message()
    assert message.endswith(".")
    assert "\n" not in message
    return message


def test_the_function(root):
    function = load(root, "test", {}).function
    assert function.logical_id == "ApiFunction"
    assert function.entry_point == (
        "/usr/local/bin/python",
        "-m",
        "portable_runtime.lambda_runtime",
    )
    assert function.handler == "portable_runtime.lambda_handler.handler"
    assert function.environment["EXECUTION_ENVIRONMENT"] == "lambda"
    assert (function.timeout, function.architecture) == (30, "x86_64")


@pytest.mark.parametrize(("environment", "read_only"), [("test", False), ("prod", True)])
def test_the_service_with_the_overrides_of_its_environment(root, environment, read_only):
    service = load(root, environment, {}).service
    assert (service.path, service.port, service.count) == (SERVICE, 8080, 2)
    assert service.command == ("/usr/local/bin/python", "-m", "portable_runtime.server")
    assert service.variables["EXECUTION_ENVIRONMENT"] == "ecs"
    assert service.platform == "linux/x86_64"
    assert service.read_only is read_only
    assert service.writable == {TEMPORARY}
    assert "'/healthz'" in service.health_command


def test_the_stop_timeout_is_the_one_that_a_patch_adds(copy):
    edit(copy, PATCHES, "/StopTimeout\n  value: 30", "/StopTimeout\n  value: 90")
    service = load(copy, "test", {}).service
    assert (service.patches, service.stop_timeout) == (PATCHES, 90)


@pytest.mark.parametrize(
    "patches",
    [
        None,
        "",
        "- op: remove\n  path: /Resources/TaskDefinition/Properties/StopTimeout\n",
        "- op: add\n  path: /Resources/TaskDefinition/Properties/StopTimeouts\n  value: 90\n",
    ],
)
def test_the_stop_timeout_that_nothing_sets(copy, patches):
    (copy / PATCHES).unlink()
    if patches is not None:
        (copy / PATCHES).write_text(patches)
    assert load(copy, "test", {}).service.stop_timeout == 30


def test_the_deregistration_delay(copy):
    balancer = load(copy, "test", {}).load_balancer
    assert balancer.group("ip").deregistration_delay == 60
    assert balancer.group("lambda").deregistration_delay == 0
    edit(copy, "alb/template.yaml", "deregistration_delay.timeout_seconds", "other")
    assert load(copy, "test", {}).load_balancer.group("ip").deregistration_delay == 300


def test_the_load_balancer(root):
    balancer = load(root, "test", {}).load_balancer
    assert (balancer.idle_timeout, balancer.drop_invalid_headers) == (60.0, True)
    function, fargate = balancer.group("lambda"), balancer.group("ip")
    assert (function.logical_id, function.multi_value_headers) == ("LambdaTargetGroup", True)
    assert (fargate.logical_id, balancer.task_port) == ("FargateTargetGroup", 8080)
    assert (function.weight, fargate.weight) == (50, 50)
    for group, interval, timeout in ((function, 35, 30), (fargate, 30, 5)):
        check = group.check
        assert (check.enabled, check.path, check.matcher) == (True, "/healthz", "200")
        assert (check.interval, check.timeout) == (interval, timeout)
        assert (check.healthy_threshold, check.unhealthy_threshold) == (5, 2)


def test_weights_come_from_samconfig_and_can_be_overridden(copy):
    edit(copy, "samconfig.toml", "LambdaWeight = 50", "LambdaWeight = 10")
    balancer = load(copy, "test", {}).load_balancer
    assert (balancer.group("lambda").weight, balancer.group("ip").weight) == (10, 50)
    balancer = load(copy, "prod", {"LambdaWeight": 0, "FargateWeight": 999}).load_balancer
    assert (balancer.group("lambda").weight, balancer.group("ip").weight) == (0, 999)


def test_a_listener_with_a_certificate_is_the_https_one(copy):
    arn = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
    edit(copy, "samconfig.toml", 'CertificateArn = ""', f'CertificateArn = "{arn}"')
    assert load(copy, "test", {}).load_balancer.group("ip").weight == 50


def test_defaults_of_what_a_target_group_leaves_out(copy):
    path = copy / "alb/template.yaml"
    kept = [
        line
        for line in path.read_text().splitlines()
        if not line.strip().startswith(("HealthCheck", "HealthyThreshold", "Unhealthy", "Matcher"))
    ]
    path.write_text("\n".join(kept))
    balancer = load(copy, "test", {}).load_balancer
    function, fargate = balancer.group("lambda").check, balancer.group("ip").check
    assert (function.enabled, function.interval, function.timeout) == (False, 35, 30)
    assert (fargate.enabled, fargate.interval, fargate.timeout) == (True, 30, 5)
    for check in (function, fargate):
        assert (check.path, check.matcher) == ("/", "200")
        assert (check.healthy_threshold, check.unhealthy_threshold) == (5, 2)


@pytest.mark.parametrize(
    ("count", "expected"), [("3", 3), ("{range: 2-5}", 2), ("{range: {min: 4, max: 5}}", 4)]
)
def test_counts(copy, count, expected):
    text = (copy / SERVICE).read_text()
    text = text.partition("\nenvironments:")[0]  # test overrides the range
    start, end = text.index("count:"), text.index("network:")
    (copy / SERVICE).write_text(f"{text[:start]}count: {count}\n\n{text[end:]}")
    assert load(copy, "test", {}).service.count == expected


@pytest.mark.parametrize(
    ("weights", "names"),
    [
        ({"LambdaWeight": 1000}, ["LambdaWeight", "1000"]),
        ({"FargateWeight": -1}, ["FargateWeight", "-1"]),
        ({"LambdaWeight": 0, "FargateWeight": 0}, ["LambdaWeight", "FargateWeight", "both 0"]),
    ],
)
def test_weights_that_the_template_refuses(copy, weights, names):
    message = refusal(copy, **weights)
    for name in ("alb/template.yaml", *names):
        assert name in message


@pytest.mark.parametrize(
    ("name", "old", "new", "parts"),
    [
        ("samconfig.toml", "LambdaWeight = 50", "LambdaWeight = 1000", ["LambdaWeight", "1000"]),
        ("samconfig.toml", "LambdaWeight = 50", 'LambdaWeight = "x"', ["LambdaWeight", "x"]),
        ("samconfig.toml", "LambdaWeight = 50", "LambdaWait = 50", ["LambdaWait"]),
        ("samconfig.toml", "[alb-test.global", "[alb-test.global\n", ["samconfig.toml"]),
        (
            "samconfig.toml",
            "[default.deploy.parameters.parameter_overrides]",
            'parameter_overrides = "nonsense"\n[default.more]',
            ["samconfig.toml", "nonsense"],
        ),
        ("template.yaml", "Resources:", "Resources: [", ["template.yaml", "not YAML"]),
        ("template.yaml", "      Timeout: 30", "      Timeut: 30", ["ApiFunction", "Timeout"]),
        ("template.yaml", "Timeout: 30", "Timeout: soon", ["ApiFunction", "Timeout", "soon"]),
        ("template.yaml", "Serverless::Function", "Lambda::Function", ["has 0 AWS::Serverless"]),
        ("template.yaml", "Command: [", "Command: [a, ", ["ImageConfig.Command", "handler"]),
        ("template.yaml", "        EntryPoint", "        Entry", ["ImageConfig.EntryPoint"]),
        ("template.yaml", "Variables:", "Variable:", ["Environment.Variables"]),
        ("alb/template.yaml", "TargetType: lambda", "TargetType: ip", ["one of lambda"]),
        ("alb/template.yaml", "!Ref FargateTargetGroup, W", "other, W", ["'other'"]),
        ("alb/template.yaml", "ForwardConfig", "ForwardConf", ["ForwardConfig"]),
        ("alb/template.yaml", "HealthyThresholdCount: 5", "HealthyThresholdCount: x", ["Healthy"]),
        (SERVICE, "image:", "image: [", [SERVICE, "not YAML"]),
        (SERVICE, "  port: 8080", "  prt: 8080", [SERVICE, "image.port"]),
        (SERVICE, "  port: 8080", "  port: eighty", [SERVICE, "image.port", "eighty"]),
        (SERVICE, "command: [", "comand: [", [SERVICE, "command"]),
        (SERVICE, "variables:", "variable:", [SERVICE, "variables"]),
        (SERVICE, "  healthcheck:", "  health:", [SERVICE, "image.healthcheck.command"]),
        (SERVICE, "\ncount:", "\ncont:", [SERVICE, "count"]),
        (SERVICE, "    min: 2", "    min: two", [SERVICE, "count", "two"]),
        (SERVICE, "range:", "range: !Ref", [SERVICE, "not YAML"]),
        (PATCHES, "  value: 30", "  value: long", [PATCHES, "StopTimeout", "long"]),
        (PATCHES, "  value: 30", "", [PATCHES, "StopTimeout", "None"]),
        (PATCHES, "- op: add", "- [", [PATCHES, "not YAML"]),
        (
            "alb/template.yaml",
            "deregistration_delay.timeout_seconds, Value: '60'",
            "deregistration_delay.timeout_seconds, Value: long",
            ["FargateTargetGroup", "deregistration_delay.timeout_seconds", "long"],
        ),
    ],
)
def test_what_is_missing_or_broken_is_named(copy, name, old, new, parts):
    edit(copy, name, old, new)
    message = refusal(copy)
    for part in parts:
        assert part in message


@pytest.mark.parametrize("name", ["template.yaml", "alb/template.yaml", SERVICE, PATCHES])
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a: b: c", "line 2, column 5: mapping values are not allowed in this context."),
        ("a: [b\nc: d", "line 3, column "),
        ("a: \x00", "control characters are not allowed."),
    ],
)
def test_a_fault_of_yaml_has_a_place(copy, name, line, said):
    (copy / name).write_text(f"# first\n{line}\n")
    message = refusal(copy)
    assert message.startswith(f"{name} is not YAML: {said}")
    assert "<" not in message


@pytest.mark.parametrize("name", ["template.yaml", "samconfig.toml", "alb/template.yaml"])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    assert f"cannot read {name}: No such file" in refusal(copy)


@pytest.mark.parametrize("empty", [SERVICE, "template.yaml", "alb/template.yaml"])
def test_an_empty_file_is_named(copy, empty):
    (copy / empty).write_text("")
    assert empty in refusal(copy)


def test_patches_are_a_list(copy):
    (copy / PATCHES).write_text("op: add\n")
    assert f"{PATCHES} is no list" in refusal(copy)


def test_a_service_is_one_manifest(copy):
    shutil.copytree(copy / "copilot/api", copy / "copilot/other")
    assert "copilot/ has 2 services" in refusal(copy)
    shutil.rmtree(copy / "copilot")
    assert "copilot/ has 0 services" in refusal(copy)


def test_an_unknown_environment_names_those_that_there_are(copy):
    message = refusal(copy, "staging")
    for part in ("samconfig.toml", "'staging'", "'test'", "'prod'"):
        assert part in message


@pytest.mark.parametrize("overrides", ["environments:", "environments:\n  test:"])
def test_an_environment_without_overrides(copy, overrides):
    text = (copy / SERVICE).read_text().partition("\nenvironments:")[0]
    (copy / SERVICE).write_text(f"{text}\n{overrides}\n")
    assert load(copy, "test", {}).service.read_only is True
