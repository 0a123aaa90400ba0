"""The image that ours are built on: by digest, and never a stand-in in a deployment."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.registry import registry
from tests.docker.base_image import ARGUMENT, project
from tests.docker.conftest import ROOT, Run
from tests.portable.local_run import PORTABLE


def test_it_may_be_named_by_digest(base_image: str, run: Run, sam: Path, tmp_path: Path) -> None:
    """Both builders that are used take it: `docker build`, as Copilot, and that of `sam build`."""
    if not shutil.which("docker-registry"):
        pytest.skip("there is no docker-registry command on this machine")
    with registry() as local:
        name = f"{local.host}/python"
        run("docker", "tag", base_image, f"{name}:3.13-slim")
        try:
            run("docker", "push", f"{name}:3.13-slim")
            digest = local.tags("python")["3.13-slim"]
            pinned = f"{name}@{digest}"
            folder = tmp_path / "project"
            folder.mkdir()
            project(folder, pinned)
            assert pinned in (folder / "template.yaml").read_text()
            build = tmp_path / "build"
            run(sam, "build", "--template", folder / "template.yaml", "--build-dir", build)

            tag = "portable-api-test:pinned"
            argument = ("--build-arg", f"{ARGUMENT}={pinned}")
            run("docker", "build", *argument, "--tag", tag, folder)
            layers = _layers(run, tag)
            run("docker", "rmi", "--no-prune", tag)
            assert layers[: len(_layers(run, pinned))] == _layers(run, pinned)
        finally:
            run("docker", "rmi", "--no-prune", f"{name}:3.13-slim")


def _layers(run: Run, image: str) -> list[str]:
    found = run("docker", "image", "inspect", "-f", "{{json .RootFS.Layers}}", image).stdout
    return list(json.loads(found))


@pytest.fixture
def stand_in(base_image: str, run: Run, tmp_path: Path) -> Iterator[str]:
    """An image with the label that .ci/base-image gives."""
    folder = tmp_path / "stand-in"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM {base_image}\nLABEL stand-in=0123\n")
    name = "portable-api-test:stand-in"
    run("docker", "build", "--tag", name, folder)
    yield name
    run("docker", "rmi", "--no-prune", name)


def test_no_stand_in_is_deployed(stand_in: str, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    project(folder, stand_in)
    kept = {name: value for name, value in os.environ.items() if name != "PORTABLE_STAND_IN"}
    done = subprocess.run(
        [PORTABLE, "check", "--env", "test", "--json"],
        cwd=folder,
        env=kept,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    found = {
        problem["text"]
        for check in json.loads(done.stdout)["checks"]
        if check["check"] == "base image"
        for problem in check["problems"]
    }
    assert any(f"{stand_in} is a stand-in of the base image" in text for text in found), found


def test_the_stand_in_has_no_address_with_credentials(
    base_image: str, run: Run, tmp_path: Path
) -> None:
    """What pip and apt read, and what every image inherits that is built on it."""
    files = (
        *("/etc/apt/sources.list", "/etc/apt/sources.list.d/*", "/etc/apt/auth.conf*"),
        *("/etc/pip.conf", "/usr/local/pip.conf", "/root/.*pip/pip.conf", "/root/.netrc"),
    )
    look = f"cat {' '.join(files)} 2>/dev/null; env"
    held = run("docker", "run", "--rm", "--network", "none", base_image, "sh", "-c", look).stdout
    assert "PATH=" in held
    assert "@" not in "".join(line for line in held.splitlines() if "://" in line)
    assert "password" not in held.lower()

    environment = {"PIP_INDEX_URL": "https://user:secret@index.example/simple"}
    refused = run(ROOT / ".ci/base-image", "python:3.13-slim", check=False, **environment)
    assert refused.returncode == 1
    assert refused.stderr.startswith("base-image: the address of the index has credentials")
    assert "secret" not in refused.stderr
