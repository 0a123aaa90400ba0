"""Each disagreement of the manifests names files, keys and both values."""

import shutil
from pathlib import Path

import pytest

from portable.errors import PortableError
from portable.manifests import agreement
from portable.manifests.system import load

ALB = "alb/template.yaml"
SAM = "template.yaml"
SERVICE = "copilot/api/manifest.yml"


@pytest.fixture
def copy(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the manifests and of the handler's package."""
    for name in (SAM, "samconfig.toml", ALB, SERVICE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, tmp_path / name)
    shutil.copytree(root / "src/portable_api", tmp_path / "src/portable_api")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("environment", ["test", "prod"])
def test_the_manifests_of_this_repository_agree(root, environment):
    agreement.check(load(root, environment, {}), root)


@pytest.mark.parametrize(
    ("name", "old", "new", "parts"),
    [
        (
            SERVICE,
            "port: 8080 ",
            "port: 9000 ",
            [ALB, "FargateTargetGroup.Properties.Port", "8080", SERVICE, "image.port", "9000"],
        ),
        (
            "samconfig.toml",
            "LambdaWeight = 50",
            "TaskPort = 9000",
            [ALB, "FargateTargetGroup.Properties.Port", "9000", SERVICE, "image.port", "8080"],
        ),
        (
            SERVICE,
            'PORT: "8080"',
            'PORT: "9000"',
            [f"{SERVICE}: variables.PORT", "9000", f"{SERVICE}: image.port", "8080"],
        ),
        (
            ALB,
            "HealthCheckPath: /healthz\n      HealthCheckIntervalSeconds: 30",
            "HealthCheckPath: /other\n      HealthCheckIntervalSeconds: 30",
            [
                "FargateTargetGroup.Properties.HealthCheckPath",
                "/other",
                "LambdaTargetGroup.Properties.HealthCheckPath",
                "/healthz",
            ],
        ),
        (
            SERVICE,
            "'/healthz'",
            "'/health'",
            [ALB, "HealthCheckPath", "/healthz", SERVICE, "image.healthcheck.command", "/health'"],
        ),
        (
            SAM,
            "Architectures: [x86_64]",
            "Architectures: [arm64]",
            [SAM, "Architectures", "arm64", SERVICE, "platform", "linux/x86_64"],
        ),
        (
            SERVICE,
            "platform: linux/x86_64",
            "platform: linux/arm64",
            [SAM, "Architectures", "x86_64", SERVICE, "platform", "linux/arm64"],
        ),
        (
            SAM,
            "EXECUTION_ENVIRONMENT: lambda",
            "EXECUTION_ENVIRONMENT: ecs",
            [SAM, "EXECUTION_ENVIRONMENT", "'ecs'", "'lambda'"],
        ),
        (
            SERVICE,
            "EXECUTION_ENVIRONMENT: ecs",
            "OTHER: ecs",
            [SERVICE, "EXECUTION_ENVIRONMENT", "None", "'ecs'"],
        ),
        (
            SAM,
            "Timeout: 30",
            "Timeout: 60",
            [SAM, "ApiFunction.Properties.Timeout", "60", ALB, "idle_timeout.timeout_seconds"],
        ),
        (
            SERVICE,
            'KEEP_ALIVE_SECONDS: "75"',
            'KEEP_ALIVE_SECONDS: "60"',
            [ALB, "idle_timeout.timeout_seconds", "60", SERVICE, "KEEP_ALIVE_SECONDS"],
        ),
        (
            ALB,
            "idle_timeout.timeout_seconds, Value: '60'",
            "idle_timeout.timeout_seconds, Value: '4000'",
            [ALB, "idle_timeout.timeout_seconds", "4000", SERVICE, "KEEP_ALIVE_SECONDS", "75"],
        ),
        (
            SERVICE,
            'KEEP_ALIVE_SECONDS: "75"',
            "KEEP_ALIVE_SECONDS: long",
            [SERVICE, "KEEP_ALIVE_SECONDS", "long"],
        ),
        (
            SAM,
            "portable_api.lambda_handler.handler",
            "portable_api.nothing.handler",
            [SAM, "ImageConfig.Command", "portable_api.nothing.handler", "nothing.py"],
        ),
        (
            SAM,
            "portable_api.lambda_handler.handler",
            "handler",
            [SAM, "ImageConfig.Command", "'handler'"],
        ),
    ],
)
def test_a_disagreement_is_named(copy, name, old, new, parts):
    text = (copy / name).read_text()
    assert old in text, f"{name} has no {old!r} any more"
    (copy / name).write_text(text.replace(old, new))
    with pytest.raises(PortableError) as error:
        agreement.check(load(copy, "test", {}), copy)
    message = error.value.format_message()
    for part in parts:
        assert part in message
    assert message.endswith(".")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (SERVICE, "platform: linux/x86_64", "platform: linux/amd64"),
        (SERVICE, 'KEEP_ALIVE_SECONDS: "75"', "OTHER: x"),  # the app's default is longer too
        (SERVICE, 'PORT: "8080"', "PORT: 8080"),
        (SAM, "Timeout: 30", "Timeout: 59"),
    ],
)
def test_what_agrees_in_other_words(copy, name, old, new):
    path = copy / name
    path.write_text(path.read_text().replace(old, new))
    agreement.check(load(copy, "test", {}), copy)
