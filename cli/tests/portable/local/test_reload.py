"""Both sides run the code as it is now, once it is changed."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.portable.local_run import ROOT, LocalRun, local_run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the service that a test may change."""
    for name in ("template.yaml", "samconfig.toml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("alb", "copilot", "data", "src"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)


def bodies(run: LocalRun) -> set[str]:
    with run.client() as client:
        return {client.get("/").json() for _ in range(30)}


def test_a_change_restarts_both_sides_and_code_that_does_not_run_none(project: Path) -> None:
    main = project / "src/app/main.py"
    text = main.read_text()
    assert "Hello from" in text
    with local_run("--reload", "--quiet", cwd=project) as run:
        assert bodies(run) == {"Hello from lambda", "Hello from ecs"}
        main.write_text(text.replace("Hello from", "Welcome to"))
        wait_for(lambda: "Both sides run the new code." in run.err)
        assert "src/app/main.py changed: both sides restart." in run.err
        assert bodies(run) == {"Welcome to lambda", "Welcome to ecs"}
        main.write_text(text + "\nraise ValueError('bad')\n")
        wait_for(lambda: sum("go on" in line and "bad" in line for line in run.err) == 2)
        assert bodies(run) == {"Welcome to lambda", "Welcome to ecs"}
        main.write_text(text)
        wait_for(lambda: run.err.count("Both sides run the new code.") == 2)
        assert bodies(run) == {"Hello from lambda", "Hello from ecs"}
