"""cli/docs/tracing.md: its lines, written into a copy as it says, and what the copy then does."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.decode import cfn_yaml

from portable.check.base_image import VARIABLE
from portable.check.rendering import render
from portable.manifests.system import load
from tests.portable.local_run import PORTABLE, local_run
from tests.portable.span_receivers import Receiver, collector, daemon, wait_for

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "cli/docs/tracing.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ON_SIDECAR = "copilot/api/addons/tracing.yml"
PATCH = """\
- op: add
  path: /Resources/TaskRole/Properties/ManagedPolicyArns
  value:
    - Fn::ImportValue: !Sub '${AppName}-${EnvName}-AppPolicy'
"""


def block(language: str, text: str) -> str:
    """Return the block of this language that has `text` in it."""
    (found,) = (block for kind, block in BLOCKS if kind == language and text in block)
    return found


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with tracing in all environments."""
    folder = tmp_path_factory.mktemp("traced") / "copy"
    ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".aws-sam", "results")
    shutil.copytree(ROOT, folder, ignore=ignored)
    change(folder / "pyproject.toml", '  "fastapi>=0.165",\n', block("toml", "fastapi"))
    samconfig = folder / "samconfig.toml"
    samconfig.write_text(
        re.sub(r"^Tracing = .*\n", block("toml", "Tracing"), samconfig.read_text(), flags=re.M)
    )
    change(samconfig, 'AllowPlainHttp = "disabled"', 'AllowPlainHttp = "enabled"')
    manifest = folder / "copilot/api/manifest.yml"
    variables, _, sidecars = block("yaml", "sidecars:").partition("sidecars:")
    manifest.write_text(
        re.sub(
            r"^  TRACING: .*\n",
            variables.removeprefix("variables:\n").replace("\\", r"\\"),
            manifest.read_text(),
            flags=re.M,
        )
        + f"sidecars:{sidecars}"
    )
    patches = folder / "copilot/api/overrides/cfn.patches.yml"
    change(patches, PATCH, block("yaml", "ManagedPolicyArns/-"))
    addon = folder / ON_SIDECAR
    addon.parent.mkdir(exist_ok=True)
    addon.write_text(block("yaml", "WriteTraces"))
    lines = subprocess.run(
        ["make", "--dry-run", "--always-make", "lock"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = (line for line in lines.stdout.splitlines() if line.endswith(" -o requirements.txt"))
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, *line.split()[1:]], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def rendered(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("rendered")
    for environment in ("test", "prod"):
        render(copy, "portable-api", environment, ["api"], directory)
    return directory


@pytest.fixture(scope="module")
def receivers(copy: Path) -> Iterator[tuple[Receiver, Receiver, tuple[str, ...]]]:
    """A daemon and a collector, and the options with which both sides of the copy find them."""
    with daemon() as of_lambda, collector() as of_fargate:
        endpoint = f"  OTEL_EXPORTER_OTLP_ENDPOINT: http://{of_fargate.address}\n"
        endpoint += "  OTEL_BSP_SCHEDULE_DELAY: '50'\n"
        change(copy / "copilot/api/manifest.yml", "variables:\n", f"variables:\n{endpoint}")
        options = ("--variable", f"AWS_XRAY_DAEMON_ADDRESS={of_lambda.address}")
        yield of_lambda, of_fargate, options


def portable(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Nothing is deployed, whatever this machine's images are built on; CI asks for buildx.
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment |= {VARIABLE: "allowed"}
    command = [PORTABLE, *arguments]
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)


def test_the_image_gets_the_sdk_and_keeps_what_it_has(copy: Path) -> None:
    version = re.compile(r"^([\w.-]+)==(\S+)", re.M)
    before, after = (
        dict(version.findall((folder / "requirements.txt").read_text())) for folder in (ROOT, copy)
    )
    assert "opentelemetry-sdk" not in before and "opentelemetry-sdk" in after
    assert before.items() <= after.items()


def test_the_check_finds_nothing(copy: Path) -> None:
    done = portable(copy, "check", "--json")
    found = {one["check"]: one for one in json.loads(done.stdout)["checks"]}
    assert {name for name, one in found.items() if one["status"] == "failed"} == set(), done.stdout
    assert found["tracing"]["status"] == found["variables"]["status"] == "passed"


def test_both_sides_have_the_same_name(copy: Path) -> None:
    for environment in ("test", "prod"):
        system = load(copy, environment, {})
        for variables in (system.function.environment, system.service.variables):
            assert variables["TRACING"] == "true"
            assert variables["OTEL_SERVICE_NAME"] == f"portable-api-{environment}"


@pytest.mark.parametrize("environment", ["test", "prod"])
def test_the_collector_is_beside_the_app_and_no_task_ends_with_it(
    rendered: Path, environment: str
) -> None:
    stack = cfn_yaml.load(str(rendered / f"api-{environment}.stack.yml"))
    app, beside = stack["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    (given,) = yaml.safe_load(block("yaml", "sidecars:"))["sidecars"].items()
    assert (beside["Name"], beside["Image"]) == (given[0], given[1]["image"])
    assert (beside["Essential"], beside["Command"]) == (False, given[1]["command"])
    assert app["StopTimeout"] == 30, "the patches are of the app's container"
    variables = {item["Name"]: item["Value"] for item in app["Environment"]}
    assert variables["OTEL_SERVICE_NAME"] == f"portable-api-{environment}"


def test_the_task_has_the_rights_of_the_function(rendered: Path, copy: Path) -> None:
    stack = cfn_yaml.load(str(rendered / "api-prod.stack.yml"))
    role = stack["Resources"]["TaskRole"]["Properties"]["ManagedPolicyArns"]
    assert {"Fn::GetAtt": ["AddonsStack", "Outputs.WriteTraces"]} in [
        value for item in role for value in item.get("Fn::If", [item])
    ]
    (addon,) = cfn_yaml.load(str(copy / ON_SIDECAR))["Resources"].values()
    template = cfn_yaml.load(str(copy / "template.yaml"))
    policies = template["Resources"]["ExecutionRole"]["Properties"]["Policies"]
    (mine,) = (
        item["Fn::If"][1]
        for item in policies
        if "Fn::If" in item and item["Fn::If"][0] == "IsTraced"
    )
    assert addon["Properties"]["PolicyDocument"] == mine["PolicyDocument"]


def test_one_request_after_the_other_reaches_both_with_its_trace(copy: Path, receivers) -> None:
    of_lambda, of_fargate, options = receivers
    traces = [f"67891233{number:024x}" for number in range(40)]
    with local_run("--verbose", *options, cwd=copy) as run:
        with run.client() as client:
            for trace in traces:
                header = {"X-Amzn-Trace-Id": f"Root=1-{trace[:8]}-{trace[8:]}"}
                assert client.get("/", headers=header).status_code == 200
        wait_for(lambda: len(of_lambda.spans + of_fargate.spans) >= 40)
        wait_for(lambda: {s.trace for s in of_lambda.spans + of_fargate.spans} >= set(traces))
    sides = [{span.trace for span in one.spans} & set(traces) for one in (of_lambda, of_fargate)]
    assert all(sides) and not sides[0] & sides[1]
    for one, platform in ((of_lambda, "aws_lambda"), (of_fargate, "aws_ecs")):
        assert {span.attributes["cloud.platform"] for span in one.spans} == {platform}
        assert {span.attributes["service.name"] for span in one.spans} == {"portable-api-test"}


def test_the_sides_answer_alike(copy: Path, receivers) -> None:
    of_lambda, of_fargate, options = receivers
    before = len(of_lambda.spans), len(of_fargate.spans)
    # The one answer that differs on purpose.
    change(copy / "src/app/main.py", '"Hello from {settings.execution_environment}"', '"Hello"')
    done = portable(copy, "parity", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 operations" in done.stdout and " 0 differences" in done.stdout
    wait_for(lambda: len(of_lambda.spans) > before[0] and len(of_fargate.spans) > before[1])


def test_the_check_says_what_has_been_forgotten(copy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "forgotten"
    shutil.copytree(copy, folder)
    shutil.copy(ROOT / "requirements.txt", folder)
    change(folder / "copilot/api/manifest.yml", '  TRACING: "true"\n', '  TRACING: "false"\n')
    done = portable(folder, "check", "--env", "prod")
    said = " ".join(done.stdout.split())
    assert done.returncode == 1
    assert "TRACING is true in prod, but requirements.txt has no opentelemetry-sdk" in said
    assert "TRACING is 'true', but copilot/api/manifest.yml: variables.TRACING is 'false'." in said


def test_versions_of_the_page_are_those_of_the_locks() -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (fastapi,) = (one for one in dependencies if one.startswith("fastapi"))
    assert fastapi.replace("fastapi", "fastapi[opentelemetry]") in block("toml", "fastapi")


def test_commands_and_variables_of_the_page_are_those_of_the_sources() -> None:
    text = "\n".join(path.read_text() for path in (ROOT / "src/portable_runtime").glob("*.py"))
    shown: dict[str, Any] = dict(re.findall(r"\b(OTEL_EXPORTER\w+|TRACING)(=\S+)?", PAGE))
    assert {name for name in shown if name not in text and name != "TRACING"} == set()
