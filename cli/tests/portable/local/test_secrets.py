"""The commands that read the manifests, in a project with secrets."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from tests.portable.local_run import PORTABLE, local_run
from tests.portable.secret_manifests import FARGATE_SECRETS, LAMBDA_SECRETS, declare

APP = ("--app", "cli.tests.portable.secret_app:app")
VALUES = "DATABASE_PASSWORD='of the file'\nAPI_KEY=not-used\n"


@pytest.fixture
def project(project: Path) -> Path:
    """With a secret on both sides."""
    declare(project, LAMBDA_SECRETS, FARGATE_SECRETS)
    return project


def portable(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PORTABLE, *arguments],
        cwd=project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_both_targets_get_the_values_and_nothing_shows_them(project: Path) -> None:
    (project / ".env").write_text(VALUES)
    with local_run(*APP, "--variable", "API_KEY=given", cwd=project) as run:
        with run.client() as client:
            for name, value in (("DATABASE_PASSWORD", "of the file"), ("API_KEY", "given")):
                answers = {client.get(f"/digest/{name}").text for _ in range(20)}
                assert answers == {f'"{digest(value)}"'}
        assert not any("of the file" in line for line in run.out + run.err)


def test_parity_compares_an_app_with_secrets(project: Path) -> None:
    (project / ".env").write_text(VALUES)
    done = portable(project, "parity", *APP, "--path", "/digest/API_KEY")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 differences" in done.stdout


@pytest.mark.parametrize("command", [("run", "--port", "0"), ("parity", "--path", "/healthz")])
def test_each_missing_secret_is_a_sentence(project: Path, command: tuple[str, ...]) -> None:
    done = portable(project, *command, *APP)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert [line.removeprefix("portable: ").split()[0] for line in lines] == [
        "API_KEY",
        "DATABASE_PASSWORD",
    ]
    assert all("add " in line and "=VALUE to .env" in line for line in lines)


def test_cost_needs_no_value(project: Path) -> None:
    done = portable(project, "cost", "--rps", "20")
    assert (done.returncode, done.stderr) == (0, "")
