"""`portable task --local` as a user types it: processes of this machine, no account."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.portable.local_run import PORTABLE, ROOT, descendants, local_run, running_still
from tests.portable.secret_manifests import FARGATE_SECRETS, LAMBDA_SECRETS, declare

NAMES = """
import os, botocore.session
client = botocore.session.get_session().create_client("dynamodb")
items = client.scan(TableName=os.environ["ITEMS_TABLE"])["Items"]
print([item["id"]["S"] for item in items])
key = {"id": {"S": "chair"}, "name": {"S": "A chair"}, "quantity": {"N": "1"}}
client.put_item(TableName=os.environ["ITEMS_TABLE"], Item=key)
"""


def task(*words: str, cwd: Path = ROOT, port: str = "1") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [PORTABLE, "task", "--local", "--port", port, *words],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    return done


def refusal(*words: str, cwd: Path = ROOT, port: str = "1") -> str:
    done = task(*words, cwd=cwd, port=port)
    assert (done.returncode, done.stdout) == (1, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("portable: ")
    return last


def test_its_lines_and_its_exit_status_are_those_of_the_command() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); raise SystemExit(3)"
    done = task("--", "/usr/local/bin/python", "-c", code)
    assert (done.returncode, sorted(done.stdout.split())) == (3, ["err", "out"])
    assert done.stderr == "No local run listens on port 1: the task has data of its own.\n"


def test_it_has_the_packages_the_code_and_the_variables_of_a_task() -> None:
    code = (
        "import os, app.main, portable_runtime, fastapi, importlib.util as u; "
        "print(os.getcwd(), os.environ['EXECUTION_ENVIRONMENT'], os.environ['EXTRA'], "
        "u.find_spec('portable'))"
    )
    done = task("--variable", "EXTRA=more", "--", "python", "-c", code)
    assert done.stdout == f"{ROOT / 'src'} ecs more None\n"


def test_it_has_the_data_of_the_run_that_listens() -> None:
    with local_run() as run, run.client() as client:
        item = {"id": "lamp", "name": "A lamp", "quantity": 3}
        assert client.post("/items", json=item).status_code == 201
        done = task("--", "python", "-c", NAMES, port=run.url.rpartition(":")[2])
        assert (done.returncode, done.stdout, done.stderr) == (0, "['lamp']\n", "")
        assert client.get("/items/chair").json()["name"] == "A chair"


def test_it_has_data_of_its_own_without_one() -> None:
    done = task("--", "python", "-c", NAMES)
    assert (done.returncode, done.stdout) == (0, "[]\n")


def test_the_run_of_another_project_is_not_written_to(project: Path) -> None:
    with local_run() as run:
        port = run.url.rpartition(":")[2]
        said = refusal("--", "true", cwd=project, port=port)
        assert said == (
            f"portable: the local run on port {port} is test of {ROOT}, expected test of {project}."
        )
        assert "is test of" in refusal("--env", "prod", "--", "true", port=port)


def test_it_has_the_secrets_of_a_task(project: Path) -> None:
    declare(project, LAMBDA_SECRETS, FARGATE_SECRETS)
    done = task("--", "true", cwd=project)
    assert done.returncode == 1
    assert [line.partition(" has no value here")[1] != "" for line in done.stderr.splitlines()] == [
        True,
        True,
    ]
    (project / ".env").write_text("DATABASE_PASSWORD=hunter2\nAPI_KEY=k\n")
    code = "import os; print(os.environ['DATABASE_PASSWORD'])"
    assert task("--", "python", "-c", code, cwd=project).stdout == "hunter2\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_and_all_that_it_started(number: int) -> None:
    code = (
        "import subprocess, time; subprocess.Popen(['sleep', '60']); "
        "print('working', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [PORTABLE, "task", "--local", "--port", "1", "--", "python", "-c", code],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "working\n"
    started = descendants(process.pid)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-2:] == [
        "The task gets SIGTERM, as portable task was interrupted.",
        "Interrupted: the task is stopped, and its command ended with exit status 143.",
    ]
    assert len(started) >= 3 and not running_still(started)


def test_one_that_takes_too_long_is_stopped() -> None:
    said = refusal("--timeout", "1s", "--", "sleep", "60")
    assert "was stopped after 1s (--timeout), and its command ended with exit status 143" in said


@pytest.mark.parametrize("name", ["alembic", "uvicorn"])
def test_a_command_that_the_image_does_not_have(name: str) -> None:
    assert refusal("--", name) == (
        f"portable: the image has no command {name!r}: what a package brings is run as "
        f"`python -m {name}`."
    )


def test_a_path_that_is_no_command() -> None:
    assert refusal("--", "./nothing").startswith("portable: cannot start './nothing'")


def test_a_module_that_is_missing_is_told_by_python() -> None:
    done = task("--", "python", "-m", "alembic")
    assert done.returncode == 1 and "No module named alembic" in done.stdout


def test_nothing_to_write_to() -> None:
    with open(os.devnull) as closed:
        process = subprocess.run(
            [PORTABLE, "task", "--local", "--port", "1", "--", "python", "-c", "print(1)"],
            cwd=ROOT,
            stdin=closed,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    assert process.returncode == 0
