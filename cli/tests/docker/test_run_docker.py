"""`portable run --docker`: both targets from the image that `sam build` made."""

import json
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.docker.conftest import Run
from tests.portable.load import wait_until
from tests.portable.local_run import PORTABLE, ROOT, LocalRun, local_run
from tests.portable.secret_manifests import declare


def containers(run: Run) -> list[str]:
    return run("docker", "ps", "--all", "--filter", "name=portable-", "--quiet").stdout.split()


@pytest.mark.parametrize("environment", ["test", "prod"])
def test_both_targets_answer_from_the_image(image: str, run: Run, environment: str) -> None:
    with local_run("--docker", "--env", environment) as local:
        with local.client() as client:
            answers = Counter(client.get("/").json() for _ in range(40))
        assert len(containers(run)) == 3  # two tasks and a sandbox
        for container in containers(run):
            if "task" in name_of(run, container):
                assert_trusts_its_gateway_only(run, container)
    assert set(answers) == {"Hello from lambda", "Hello from ecs"}
    assert containers(run) == []


def test_what_one_side_writes_the_other_reads(image: str, run: Run) -> None:
    """The image has the descriptions of the services that the app's clients need."""
    item = {"id": "lamp", "name": "A lamp", "quantity": 3}
    weights = ("--lambda-weight", "100", "--fargate-weight", "0")
    side = ("--variable", "SIDE_HEADER=true")
    with local_run("--docker", "--env", "prod", *side, *weights) as local:
        with local.client() as client:
            written = client.post("/items", json=item)
            local.shift("fargate")
            read = client.get("/items/lamp")
        for container in containers(run):
            template = "{{.HostConfig.ReadonlyRootfs}}"
            assert run("docker", "inspect", "--format", template, container).stdout == "true\n"
    assert (written.status_code, written.headers["x-portable-side"]) == (201, "lambda")
    assert (read.json(), read.headers["x-portable-side"]) == (item, "fargate")


def test_a_secret_is_in_the_container_and_on_no_command_line(
    image: str, run: Run, tmp_path: Path
) -> None:
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("alb", "copilot", "data"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "src").symlink_to(ROOT / "src")
    declare(tmp_path, {"KEY": "'{{resolve:ssm:key}}'"}, "secrets: {KEY: key}\n")
    (tmp_path / ".env").write_text('KEY="first line\nhunter2"\n')
    with local_run("--docker", cwd=tmp_path) as local:
        for container in containers(run):
            template = "{{json .Config.Env}}"
            inspected = run("docker", "inspect", "--format", template, container)
            assert "KEY=first line\nhunter2" in json.loads(inspected.stdout)
        for pid in local.descendants():
            assert b"hunter2" not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_container_that_is_killed_is_replaced(image: str, run: Run) -> None:
    with local_run("--docker", "--lambda-weight", "0") as local, local.client() as client:
        tasks = [name for name in containers(run) if "task" in name_of(run, name)]
        run("docker", "kill", *tasks)
        wait_until(lambda: sum("is healthy" in text for text in local.err if "task" in text) >= 4)
        assert client.get("/").json() == "Hello from ecs"
    assert containers(run) == []


def test_a_variable_is_on_no_command_line(image: str, run: Run) -> None:
    secret, lines = "hush-17", "first\nsecond"
    options = ("--variable", f"TOKEN={secret}", "--variable", f"PEM={lines}")
    with local_run("--docker", "--lambda-weight", "0", *options) as local:
        started = local.descendants()
        words = [Path(f"/proc/{number}/cmdline").read_bytes() for number in started]
        assert any(b"docker" in line for line in words)
        assert not any(secret.encode() in line for line in words)
        for container in containers(run):
            found = run("docker", "inspect", "--format", "{{json .Config.Env}}", container)
            assert {f"TOKEN={secret}", f"PEM={lines}"} <= set(json.loads(found.stdout))


def test_sigkill_leaves_no_container_behind(image: str, run: Run) -> None:
    local = LocalRun("--docker", "--lambda-weight", "0")
    local.wait_until_up()
    assert len(containers(run)) == 3
    local.process.kill()
    while containers(run):
        time.sleep(0.1)
    local.stop()


def assert_trusts_its_gateway_only(run: Run, container: str) -> None:
    template = "{{.NetworkSettings.Gateway}} {{range .Config.Env}}{{.}} {{end}}"
    gateway, *variables = run("docker", "inspect", "--format", template, container).stdout.split()
    assert f"FORWARDED_ALLOW_IPS={gateway}" in variables


def name_of(run: Run, container: str) -> str:
    return run("docker", "inspect", "--format", "{{.Name}}", container).stdout


def test_a_missing_image_is_named(docker_engine: None, tmp_path: Path) -> None:
    for name in ("samconfig.toml", "alb", "copilot", "data", "src"):
        (tmp_path / name).symlink_to(ROOT / name)
    template = (ROOT / "template.yaml").read_text()
    (tmp_path / "template.yaml").write_text(template.replace("ApiFunction", "NeverBuiltFunction"))
    failed = subprocess.run(
        [PORTABLE, "run", "--docker"], cwd=tmp_path, capture_output=True, text=True
    )
    assert failed.returncode == 1
    assert failed.stderr == (
        "portable: there is no image 'neverbuiltfunction:latest': make it with `sam build`.\n"
    )


def test_a_missing_engine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    local = LocalRun("--docker")
    assert local.process.wait(60) == 1
    local.stop()
    assert local.err == [
        "portable: the Docker engine does not answer: start it, or leave --docker out."
    ]
