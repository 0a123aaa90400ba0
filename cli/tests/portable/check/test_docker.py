"""What Docker lacks. A script stands in for a `docker` that this machine does not have."""

from pathlib import Path

import pytest

from portable.check.docker import docker
from portable.manifests.problem import Severity


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a `docker` of these lines on a PATH that has nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CI", raising=False)

    def write(*lines: str) -> None:
        path = folder / "docker"
        path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        path.chmod(0o755)

    return write


NO_BUILDX = ('[ "$1" = version ] && echo 29.0.0 && exit 0', 'echo "unknown command" >&2; exit 1')


def test_an_engine_that_answers_is_enough(client):
    client("echo 29.0.0")
    assert list(docker(Severity.FAULT)) == []


@pytest.mark.parametrize("severity", Severity)
def test_no_docker(severity, client):
    (problem,) = docker(severity)
    assert "There is no `docker`" in problem.text
    assert problem.severity is severity


def test_no_engine(client, find):
    client('echo "Cannot connect to the Docker daemon at unix:///var/run/x." >&2; exit 1')
    find(docker(Severity.WARNING), "engine does not answer: Cannot connect", "Start it")


def test_no_buildx_matters_with_ci_only(client, monkeypatch, find):
    client(*NO_BUILDX)
    assert list(docker(Severity.FAULT)) == []
    monkeypatch.setenv("CI", "true")
    problem = find(docker(Severity.WARNING), "buildx", "copilot svc deploy", "exit status 125")
    assert problem.severity is Severity.FAULT
