"""Each disagreement of the manifests names files, keys and both values."""

import shutil
from pathlib import Path

import pytest

from portable.errors import PortableError
from portable.manifests import agreement
from portable.manifests.system import WORKSPACE, load
from portable_runtime.target_settings import ServerSettings

ALB = "alb/template.yaml"
SAM = "template.yaml"
SERVICE = "copilot/api/manifest.yml"
PATCHES = "copilot/api/overrides/cfn.patches.yml"


@pytest.fixture
def copy(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the manifests and of the handler's package."""
    for name in (SAM, "samconfig.toml", ALB, SERVICE, PATCHES, WORKSPACE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, tmp_path / name)
    shutil.copytree(root / "src", tmp_path / "src")
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
            [f"{ALB}: TaskPort", "8080", SERVICE, "image.port", "9000"],
        ),
        (
            "samconfig.toml",
            "TaskPort = 8080",
            "TaskPort = 9000",
            [f"{ALB}: TaskPort", "9000", SERVICE, "image.port", "8080"],
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
            SERVICE,
            'GRACEFUL_SHUTDOWN_SECONDS: "25"',
            'GRACEFUL_SHUTDOWN_SECONDS: "30"',
            [f"{SERVICE}: variables.GRACEFUL_SHUTDOWN_SECONDS is 30", f"{PATCHES}: StopTimeout is"],
        ),
        (
            PATCHES,
            "  value: 30",
            "  value: 20",
            [SERVICE, "GRACEFUL_SHUTDOWN_SECONDS is 25", f"{PATCHES}: StopTimeout is 20"],
        ),
        (
            PATCHES,
            "  value: 30",
            "  value: 121",
            [f"{PATCHES}: StopTimeout is 121, but Fargate allows 120 at most."],
        ),
        (
            SERVICE,
            'GRACEFUL_SHUTDOWN_SECONDS: "25"',
            "GRACEFUL_SHUTDOWN_SECONDS: long",
            [SERVICE, "GRACEFUL_SHUTDOWN_SECONDS", "long"],
        ),
        (
            ALB,
            "deregistration_delay.timeout_seconds, Value: '60'",
            "deregistration_delay.timeout_seconds, Value: '59'",
            [
                f"{ALB}: FargateTargetGroup: deregistration_delay.timeout_seconds is 59",
                f"{ALB}: idle_timeout.timeout_seconds is 60",
            ],
        ),
        (
            SERVICE,
            "      read_only: false",
            "      read_only: true",
            [
                f"{SERVICE}: storage.readonly_fs is true",
                "at /tmp",
                "path: /tmp and read_only: false",
            ],
        ),
        (
            SERVICE,
            "      path: /tmp ",
            "      path: /data ",
            [f"{SERVICE}: storage.readonly_fs is true", "at /tmp"],
        ),
        (
            SAM,
            "portable_runtime.lambda_handler.handler",
            "portable_runtime.nothing.handler",
            [SAM, "ImageConfig.Command", "portable_runtime.nothing.handler", "nothing.py"],
        ),
        (
            SAM,
            "portable_runtime.lambda_handler.handler",
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
        agreement.check(load(copy, "prod", {}), copy)
    message = error.value.format_message()
    for part in parts:
        assert part in message
    assert message.endswith(".")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (SERVICE, "platform: linux/x86_64", "platform: linux/amd64"),
        (SERVICE, 'KEEP_ALIVE_SECONDS: "75"', "OTHER: x"),  # the app's default is longer too
        (SERVICE, 'GRACEFUL_SHUTDOWN_SECONDS: "25"', "OTHER: x"),
        (PATCHES, "/StopTimeout", "/Other"),  # the default of ECS is 30 too
        (PATCHES, "  value: 30", "  value: 120"),
        (
            ALB,
            "deregistration_delay.timeout_seconds, Value: '60'",
            "deregistration_delay.timeout_seconds, Value: '61'",
        ),
        (SERVICE, 'PORT: "8080"', "PORT: 8080"),
        (SAM, "Timeout: 30", "Timeout: 59"),
    ],
)
def test_what_agrees_in_other_words(copy, name, old, new):
    path = copy / name
    path.write_text(path.read_text().replace(old, new))
    agreement.check(load(copy, "test", {}), copy)


def test_a_variable_that_is_not_set_has_the_apps_own_default(copy):
    defaults = {name: field.default for name, field in ServerSettings.model_fields.items()}
    path = copy / SERVICE
    text = path.read_text()
    for name in ("KEEP_ALIVE_SECONDS", "GRACEFUL_SHUTDOWN_SECONDS"):
        assert f"  {name}:" in text
        text = text.replace(f"  {name}:", f"  NO_{name}:")
    path.write_text(text)
    keep_alive = defaults["keep_alive_seconds"]
    alb = copy / ALB
    alb.write_text(
        alb.read_text().replace(
            "idle_timeout.timeout_seconds, Value: '60'",
            f"idle_timeout.timeout_seconds, Value: '{keep_alive}'",
        )
    )
    with pytest.raises(PortableError, match=f"KEEP_ALIVE_SECONDS is {keep_alive}:"):
        agreement.check(load(copy, "test", {}), copy)
    shutil.copy(Path(__file__).parents[4] / ALB, alb)
    graceful = defaults["graceful_shutdown_seconds"]
    patches = copy / PATCHES
    patches.write_text(patches.read_text().replace("  value: 30", f"  value: {graceful}"))
    with pytest.raises(PortableError, match=f"GRACEFUL_SHUTDOWN_SECONDS is {graceful},"):
        agreement.check(load(copy, "test", {}), copy)
