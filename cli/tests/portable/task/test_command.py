"""`portable task` as a user types it, on AWS: a service is deployed, and its tasks run for real."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws.direct import Calls
from tests.aws.server import Account, aws

# As the command, but nobody waits for seconds between two looks.
START = """
from portable.task import follow
from portable.cli import main
follow.POLL, follow.LATE = 0.1, 0.5
main()
"""
GROUP = "/copilot/portable-api-test-api"
SERVICE = {
    "Cluster": {"Type": "AWS::ECS::Cluster"},
    "LogGroup": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": GROUP}},
    "TaskDefinition": {
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {
            "Family": "portable-api-test-api",
            "NetworkMode": "awsvpc",
            "RequiresCompatibilities": ["FARGATE"],
            "Cpu": "1024",
            "Memory": "4096",
            "TaskRoleArn": "arn:aws:iam::123456789012:role/task",
            "ExecutionRoleArn": "arn:aws:iam::123456789012:role/execution",
            "ContainerDefinitions": [
                {
                    "Name": "api",
                    "Image": "elsewhere/api:1",
                    "Command": ["python", "-m", "portable_runtime.server"],
                    "Environment": [{"Name": "ITEMS_TABLE", "Value": "items-1"}],
                    "HealthCheck": {"Command": ["CMD", "true"]},
                    "LogConfiguration": {
                        "LogDriver": "awslogs",
                        "Options": {
                            "awslogs-group": GROUP,
                            "awslogs-region": "us-east-1",
                            "awslogs-stream-prefix": "copilot",
                        },
                    },
                }
            ],
        },
    },
    "Service": {
        "Type": "AWS::ECS::Service",
        "Properties": {
            "Cluster": {"Ref": "Cluster"},
            "TaskDefinition": {"Ref": "TaskDefinition"},
            "DesiredCount": 2,
            "NetworkConfiguration": {
                "AwsvpcConfiguration": {
                    "AssignPublicIp": "DISABLED",
                    "Subnets": ["subnet-1", "subnet-2"],
                    "SecurityGroups": ["sg-1"],
                }
            },
        },
    },
}

Task = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def account() -> Iterator[Account]:
    with aws(images=False) as account:
        account.ecs.seconds = 0.3
        yield account


@pytest.fixture
def deployed(account: Account) -> Account:
    """An account with the service."""
    body = json.dumps({"Resources": SERVICE})
    client = account.client("cloudformation")
    client.create_stack(StackName="portable-api-test-api", TemplateBody=body)
    client.get_waiter("stack_create_complete").wait(
        StackName="portable-api-test-api", WaiterConfig={"Delay": 1}
    )
    return account


@pytest.fixture
def folder(root: Path, tmp_path: Path) -> Path:
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(root / name, tmp_path)
    shutil.copytree(root / "copilot", tmp_path / "copilot")
    return tmp_path


@pytest.fixture
def task(account: Account, folder: Path) -> Iterator[Task]:
    """Start `portable task` with these words."""
    started = []

    def start(*words: str, script: str = START) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", script, "task", *words],
            cwd=folder,
            env=account.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return its exit status, and what it wrote; no traceback, whatever happened."""
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return process.returncode, out, err


def refusal(process: subprocess.Popen[str]) -> str:
    """Return the one sentence of a command that fails."""
    status, out, err = ended(process)
    assert (status, out) == (1, "")
    last = err.splitlines()[-1]
    assert last.startswith("portable: ")
    return last


def run_of(account: Account) -> dict[str, Any]:
    [task] = account.ecs.tasks.values()
    return task.definition | {"run": task.parameters}


SHOW = "import os; print(os.environ['ITEMS_TABLE'], os.environ.get('EXTRA')); print('second')"


def test_its_lines_and_its_exit_status_are_those_of_the_command(
    deployed: Account, task: Task
) -> None:
    words = ("--variable", "EXTRA=more", "--", "python", "-c", f"{SHOW}; raise SystemExit(3)")
    status, out, err = ended(task(*words))
    assert (status, out) == (3, "items-1 more\nsecond\n")
    assert "is in RUNNING" in err and "runs elsewhere/api@sha256:" in err


def test_it_is_a_task_like_those_of_the_service(deployed: Account, task: Task) -> None:
    assert ended(task("python", "-c", "print('done')"))[:2] == (0, "done\n")
    found = run_of(deployed)
    given = SERVICE["TaskDefinition"]["Properties"]
    assert found["taskRoleArn"] == given["TaskRoleArn"]
    assert (found["cpu"], found["memory"]) == ("1024", "4096")
    [container] = found["containerDefinitions"]
    assert container["image"] == f"elsewhere/api@{deployed.ecr.digest('elsewhere/api:1')}"
    assert "healthCheck" not in container
    run = found["run"]
    assert run["launchType"] == "FARGATE" and run["startedBy"] == "portable-task"
    assert run["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == ["subnet-1", "subnet-2"]
    # The definition of its own is gone again, and the service has what it had.
    assert [arn.rpartition("/")[2] for arn in deployed.ecs.task_definitions] == [
        "portable-api-test-api:1"
    ]


def test_what_ecs_retries_starts_no_second_task(deployed: Account, task: Task) -> None:
    assert ended(task("python", "-c", "pass"))[0] == 0
    run = run_of(deployed)["run"]
    again = deployed.client("ecs").run_task(**{k: v for k, v in run.items() if v})
    assert [each["taskArn"] for each in again["tasks"]] == list(deployed.ecs.tasks)


def test_ctrl_c_stops_it_and_says_so(deployed: Account, task: Task) -> None:
    code = "import time; print('working', flush=True); time.sleep(60)"
    process = task("--", "python", "-c", code)
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    process.send_signal(signal.SIGINT)
    status, _, err = ended(process)
    assert status == 130
    assert "gets SIGTERM, as portable task was interrupted." in err
    assert "is stopped, and its command ended with exit status 143." in err
    [run] = deployed.ecs.tasks.values()
    assert run.over and run.reason == "portable task was interrupted"


def test_a_second_ctrl_c_does_not_wait_and_says_how_to_stop_it(
    deployed: Account, task: Task
) -> None:
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    code = f"import signal, time; {ignore}; print('working', flush=True); time.sleep(60)"
    process = task("--", "python", "-c", code)
    assert process.stdout is not None and process.stdout.readline() == "working\n"
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert any("gets SIGTERM" in line for line in iter(process.stderr.readline, ""))
    process.send_signal(signal.SIGINT)
    status, _, err = ended(process)
    assert status == 130
    assert "Nobody watches the task" in err and "`aws ecs stop-task --cluster" in err


def test_one_that_takes_too_long_is_stopped(deployed: Account, task: Task) -> None:
    said = refusal(task("--timeout", "2s", "--", "sleep", "60"))
    assert "was stopped after 2s (--timeout), and its command ended with exit status 143." in said
    assert not deployed.ecs.list_tasks({"startedBy": "portable-task"})["taskArns"]


def test_one_that_does_not_start_in_time_is_stopped(deployed: Account, task: Task) -> None:
    deployed.ecs.seconds = 600
    process = task("true", script=START.replace("main()", "follow.START_TIMEOUT = 1; main()"))
    assert "did not start in 1s, and was stopped: it did not start." in refusal(process)


@pytest.mark.parametrize("start", [pytest.param(True, id="start"), pytest.param(False, id="run")])
def test_why_it_did_not_run_is_one_sentence(deployed: Account, task: Task, start: bool) -> None:
    reason = "CannotPullContainerError: no route to the registry"
    if start:
        deployed.ecs.refusing = "Capacity is unavailable at this time"
        expected = "ECS cannot start the task now: Capacity is unavailable at this time."
    else:
        deployed.ecs.task_failing = reason
        expected = f"did not run the command: {reason}."
    assert refusal(task("python")).endswith(expected)


def test_a_command_that_the_image_does_not_have(deployed: Account, task: Task) -> None:
    said = refusal(task("--", "no-such-command"))
    assert 'exec: "no-such-command": executable file not found in $PATH' in said


def test_one_that_somebody_else_stops_is_told(deployed: Account, task: Task) -> None:
    process = task("--", "python", "-c", "import time; print(1, flush=True); time.sleep(60)")
    assert process.stdout is not None and process.stdout.readline() == "1\n"
    [arn] = deployed.ecs.tasks
    deployed.client("ecs").stop_task(task=arn, reason="Maintenance")
    status, _, err = ended(process)
    assert status == 143 and "ended with: Maintenance." in err


def test_a_reader_that_has_gone_does_not_end_it(deployed: Account, task: Task) -> None:
    code = "import time; print(1, flush=True); time.sleep(2); print(2); raise SystemExit(5)"
    process = task("--", "python", "-c", code)
    assert process.stdout is not None and process.stdout.readline() == "1\n"
    process.stdout.close()
    process.stdout = None
    assert process.wait(60) == 5
    assert process.stderr is not None and "Traceback" not in process.stderr.read()


def test_credentials_that_end_meanwhile_leave_it_running(deployed: Account, task: Task) -> None:
    process = task("--", "python", "-c", "import time; print(1, flush=True); time.sleep(30)")
    assert process.stdout is not None and process.stdout.readline() == "1\n"
    calls = Calls()
    calls.watch(deployed)
    calls.fail("DescribeTasks", "ExpiredTokenException")
    [arn] = deployed.ecs.tasks
    said = ended(process)
    assert said[0] == 1
    assert "credentials have expired" in said[2]
    assert f"aws ecs stop-task --cluster {arn.split('/')[1]} --task {arn.split('/')[2]}" in said[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "there is no command: give one after --"),
        (("--tag", "v2", "--local", "true"), "--tag is of an image on AWS"),
        (("--port", "8080", "true"), "--port is of a local run: add --local."),
        (("--timeout", "5", "true"), "--timeout is '5', expected a duration such as 90s"),
        (("--variable", "A", "true"), "--variable is 'A', expected NAME=VALUE."),
        (("--env", "stage", "true"), "samconfig.toml deploys to 'test', 'prod', not to 'stage'."),
        (("true",), "test has no service api in us-east-1"),
    ],
)
def test_what_cannot_be_run_is_refused(
    account: Account, task: Task, words: tuple[str, ...], said: str
) -> None:
    assert said in refusal(task(*words))
    assert not account.ecs.tasks


def test_a_tag_that_is_nowhere(deployed: Account, task: Task) -> None:
    assert "elsewhere/api:1 is not in ECR" in refusal(task("--tag", "v2", "true"))
