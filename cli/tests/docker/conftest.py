"""Fixtures for the tests that need a Docker engine. Images are built once per run."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docker.base_image import ARGUMENT, chosen, project

ROOT = Path(__file__).parents[3]
IMAGE = "apifunction:latest"  # `sam build` names it for the function's logical id

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def run() -> Run:
    """Run a command in the project's root and fail with all that it said, unless `check=False`."""

    def run(
        *command: str | Path, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [str(word) for word in command],
            cwd=ROOT,
            env={**os.environ, "SAM_CLI_TELEMETRY": "0", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if check and result.returncode:
            words = " ".join(map(str, command))
            pytest.fail(f"{words}: exit {result.returncode}\n{result.stdout}{result.stderr}")
        return result

    return run


@pytest.fixture(scope="session")
def docker_engine(run: Run) -> None:
    """Skip where no Docker engine answers."""
    if not shutil.which("docker"):
        pytest.skip("there is no docker command on this machine")
    answer = run("docker", "info", check=False)
    if answer.returncode:
        pytest.skip(f"no Docker engine answers: {answer.stderr.strip().splitlines()[-1]}")


@pytest.fixture(scope="session")
def base_image(docker_engine: None, run: Run) -> str:
    """The image to build on; skip where it is neither on this machine nor to be had."""
    base = chosen()
    if run("docker", "image", "inspect", base, check=False).returncode:
        pull = run("docker", "pull", base, check=False)
        if pull.returncode:
            reason = pull.stderr.strip().splitlines()[-1]
            stand_in = f"`.ci/base-image {base}` makes a stand-in: set {ARGUMENT} to its name"
            pytest.skip(f"{base} cannot be pulled; {stand_in}: {reason}")
    return base


@pytest.fixture(scope="session")
def sam() -> Path:
    """The SAM CLI of the environment that runs the tests, else the one on the PATH."""
    beside = Path(sys.executable).with_name("sam")
    return beside if beside.exists() else Path(shutil.which("sam") or "sam")


@pytest.fixture(scope="session")
def built_template(
    base_image: str, sam: Path, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Build the image as the Lambda side does, with the classic builder; return SAM's template."""
    build = tmp_path_factory.mktemp("sam-build")
    template = project(tmp_path_factory.mktemp("project")) / "template.yaml"
    run(sam, "build", "--template", template, "--build-dir", build)
    return build / "template.yaml"


@pytest.fixture(scope="session")
def image(built_template: Path) -> str:
    return IMAGE


@pytest.fixture(scope="session")
def buildkit(base_image: str, run: Run) -> Callable[[Path, str], str]:
    """Build with BuildKit; skip where no docker client can.

    Since version 23 the client needs its buildx plugin for that, before it needs none.
    """
    command = None
    if run("docker", "buildx", "version", check=False).returncode == 0:
        command = ["docker", "buildx", "build", "--load"]
    for directory in os.get_exec_path():
        client = Path(directory, "docker")
        if command is None and client.exists():
            version = run(client, "version", "--format", "{{.Client.Version}}").stdout
            if int(version.partition(".")[0]) < 23:
                command = [str(client), "build"]
    if command is None:
        pytest.skip("no docker client with BuildKit: install the buildx plugin")

    def build(context: Path, tag: str) -> str:
        argument = ("--build-arg", f"{ARGUMENT}={base_image}")
        run(*command, *argument, "--tag", tag, context, DOCKER_BUILDKIT="1")
        return tag

    return build


@pytest.fixture(scope="session")
def buildkit_image(buildkit: Callable[[Path, str], str], run: Run) -> Iterator[str]:
    """The image as Copilot makes it where the docker client uses BuildKit."""
    tag = buildkit(ROOT, "portable-api-test:buildkit")
    yield tag
    run("docker", "rmi", tag)


@pytest.fixture
def start(run: Run) -> Iterator[Callable[..., str]]:
    """Start a container from `docker run` arguments and return its id; it is removed at the end."""
    started: list[str] = []

    def start(*arguments: str) -> str:
        started.append(run("docker", "run", "--detach", *arguments).stdout.strip())
        return started[-1]

    yield start
    for container in started:
        run("docker", "rm", "--force", "--volumes", container)


@pytest.fixture(scope="session")
def in_image(run: Run) -> Callable[[str, str], object]:
    """Run Python code in a container of an image and return what it prints as JSON."""

    def in_image(image: str, code: str) -> object:
        python = ["/usr/local/bin/python", "-c", code]
        answer = run("docker", "run", "--rm", "--read-only", "--network", "none", image, *python)
        return json.loads(answer.stdout)

    return in_image
