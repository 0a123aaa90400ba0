"""The fixtures of a service's tests, used by a pytest of its own as a service does."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

APP = """
import asyncio
import os

from app.main import create_app
from app.settings import Settings
from fastapi import Depends
from fastapi.responses import StreamingResponse

def database():
    raise RuntimeError("not in a test")

app = create_app(Settings())

@app.get("/row")
def row(value: str = Depends(database)) -> str:
    return value

@app.get("/slow")
async def slow() -> None:
    await asyncio.sleep(3)

@app.get("/fault")
async def fault() -> None:
    print("what the app wrote")
    await asyncio.sleep(0.5)  # it is read before the answer ends the test
    raise RuntimeError("a fault of the app")

@app.get("/endless")
async def endless() -> StreamingResponse:
    async def dots():
        while True:
            yield "."
            await asyncio.sleep(0.1)

    return StreamingResponse(dots())

app.dependency_overrides[database] = lambda: os.environ["ROW"]
"""
TESTS = """
import pytest

def test_override_and_variable(client):
    assert client.get("/row").json() == "from the test"

def test_no_answer(client):
    client.get("/slow", timeout=0.2)

def test_endless(client, target, monkeypatch):
    monkeypatch.setattr("portable.pytest_plugin.TIMEOUT", 1)
    if target == "fargate":
        client.get("/endless")

def test_fault(client):
    assert client.get("/fault").status_code == 200
"""
OVERRIDE = """
import os
os.environ["EXECUTION_ENVIRONMENT"] = "ecs"
from app.main import app

def test_override(client):
    app.dependency_overrides[print] = print
    assert client.get("/").status_code == 200
"""


def project(root: Path, folder: Path, settings: str, **files: str) -> Path:
    """Return a service in `folder`, with tests of its own."""
    for name in ("template.yaml", "samconfig.toml", "requirements.txt"):
        shutil.copy(root / name, folder)
    for name in ("alb", "copilot", "data", "src"):
        shutil.copytree(root / name, folder / name)
    (folder / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\n{settings}\n")
    (folder / "tests").mkdir()
    for name, text in files.items():
        (folder / "tests" / f"{name}.py").write_text(text)
    return folder


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


def test_a_test_runs_on_both_targets_with_the_app_and_variables_of_the_tests(root, tmp_path):
    settings = 'portable_app = "tests.app:app"\nportable_variables = ["ROW=from the test"]'
    project(root, tmp_path, settings, app=APP, test_it=TESTS)
    done = run_pytest(tmp_path, "-v")
    for side in ("lambda", "fargate"):
        assert f"test_override_and_variable[{side}] PASSED" in done.stdout
        assert f"{side} did not answer GET /slow: timed out." in done.stdout
    assert done.stdout.count("what the app wrote") == 2
    assert done.stdout.count("a fault of the app") >= 2
    endless = "fargate did not answer GET /endless: the answer has no end in 1 s."
    assert endless in done.stdout
    assert "5 failed, 3 passed" in done.stdout
    assert done.returncode == 1


def test_an_override_that_reaches_no_target_is_told(root, tmp_path):
    project(root, tmp_path, 'pythonpath = ["src"]', test_it=OVERRIDE)
    done = run_pytest(tmp_path, "-k", "fargate")
    assert "name its app in portable_app" in done.stdout
    assert "1 passed, 1 deselected, 1 warning" in done.stdout


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ('portable_app = "tests.gone:app"', "'tests.gone:app': there is no module 'tests.gone'."),
        ('portable_env = "gone"', "not to 'gone'."),
        ('portable_variables = ["ROW"]', "portable_variables is 'ROW', expected NAME=VALUE."),
    ],
)
def test_targets_that_do_not_start_fail_each_test_with_the_same_sentence(
    root, tmp_path, settings, sentence
):
    project(root, tmp_path, settings, test_it=TESTS)
    done = run_pytest(tmp_path)
    assert "8 errors" in done.stdout
    assert done.stdout.count("The targets did not start: ") >= 6
    assert sentence in done.stdout
    assert "Traceback" not in done.stdout
