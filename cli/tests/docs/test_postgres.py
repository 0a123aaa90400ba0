"""docs/postgres.md, written into a copy of the project: both sides with a real PostgreSQL."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docs import postgres
from tests.docs.checks import faults, style
from tests.portable.local_run import PORTABLE, LocalRun, local_run

PAGE = "postgres.md"
ORDER = {"id": "first", "quantity": 2}


def without_proxy(text: str) -> str:
    return text.partition("## With RDS Proxy")[0]


@pytest.fixture(scope="module")
def project(written: Callable[..., Path]) -> Path:
    return written(PAGE, without_proxy)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    if postgres.INITDB is None:
        pytest.skip("there is no PostgreSQL on this machine: Debian's package is postgresql")
    with postgres.postgres() as url:
        yield url


@pytest.fixture(scope="module")
def run(url: str, project: Path) -> Iterator[LocalRun]:
    """Both sides with the database, which is migrated."""
    options = ("--app", "app.main:app", "--variable", f"DATABASE_URL={url}")
    with local_run(*options, cwd=project) as run:
        yield run


def migrate(run: LocalRun, project: Path) -> subprocess.CompletedProcess[str]:
    """Run the migrations next to a local run, as the page tells."""
    port = run.url.rpartition(":")[2]
    words = ["--local", "--port", port, "--", "python", "-m", "alembic", "upgrade", "head"]
    return subprocess.run(
        [PORTABLE, "task", *words],
        cwd=project / "src",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_project_passes_its_checks(project: Path) -> None:
    assert faults(project) == []
    assert style(project) == ""


def test_it_does_with_the_proxy_too(written: Callable[..., Path]) -> None:
    folder = written(PAGE)
    assert "DatabaseProxy.Endpoint" in (folder / "data/template.yaml").read_text()
    assert faults(folder) == []


def test_both_sides_answer_the_same_from_one_database(run: LocalRun, project: Path) -> None:
    with run.client() as client:
        early = client.get("/orders/first")
        assert early.status_code == 500  # there is no table before the first migration
        for status in ("Running upgrade  -> 0001", ""):  # the second time there is nothing to do
            done = migrate(run, project)
            assert (done.returncode, done.stderr) == (0, "")
            assert status in done.stdout
        assert client.post("/orders", json=ORDER).status_code == 201
        answers = {}
        for side in ("lambda", "fargate"):
            run.shift(side)
            responses = (
                client.get("/orders/first"),
                client.get("/orders/none"),
                client.post("/orders", json=ORDER),
                client.post("/orders", json={"id": "x", "quantity": 0}),
            )
            assert {response.headers["x-portable-side"] for response in responses} == {side}
            answers[side] = [(response.status_code, response.json()) for response in responses]
    assert answers["lambda"] == answers["fargate"]
    assert [status for status, _ in answers["lambda"]] == [200, 404, 409, 422]


def test_a_database_that_is_away_is_a_503_with_a_line(project: Path) -> None:
    options = (
        "--app",
        "app.main:app",
        "--variable",
        "DATABASE_URL=postgresql://app@127.0.0.1:9/app",
    )
    with local_run(*options, cwd=project) as run, run.client() as client:
        assert client.get("/healthz").status_code == 200
        for side in ("lambda", "fargate"):
            run.shift(side)
            answer = client.get("/orders/first")
            assert (answer.status_code, answer.headers["x-portable-side"]) == (503, side)
        assert any("The database cannot be reached: " in line for line in run.out + run.err)


def test_on_aws_the_password_is_a_token_for_each_connection(project: Path) -> None:
    script = (
        "from app.database import arguments\n"
        "url = 'postgresql://app@db.x.us-east-1.rds.amazonaws.com:5432/app?sslmode=verify-full'\n"
        "given = arguments(url)\n"
        "assert given['sslmode'] == 'verify-full'\n"
        "print(given['password'])\n"
        "assert 'password' not in arguments('postgresql://app@127.0.0.1:5432/app')\n"
    )
    keys = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **keys, "PYTHONPATH": str(project / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "db.x.us-east-1.rds.amazonaws.com:5432/?Action=connect&DBUser=app&X-Amz-Algorithm="
    )
