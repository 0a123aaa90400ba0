"""`portable shift` as a user types it: options, output, exit status, signals."""

import io
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from portable.commands.shift import shift
from portable.shift.aws import clients as aws_module
from portable.shift.aws.stack import CloudFormationStack
from portable.shift.deployment import deployment
from portable.shift.plan import make_plan
from portable.shift.signals import ForceQuit, Signals
from portable.shift.stack import Progress, Status
from portable.shift.view import LiveShiftView, PlainShiftView
from portable.weights import Weights
from tests.aws.deployed_stack import DeployedStack, serve
from tests.aws.schedule import Times
from tests.portable.shift.test_shift import ScriptedStack, alarm

SPEED = 100  # seconds of the emulated AWS in one of the test
START = """
from portable.commands.shift import shift
from portable.shift.aws.stack import CloudFormationStack
CloudFormationStack.poll = 0.1
CloudFormationStack.late = 0.2
shift()
"""


@pytest.fixture
def project(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the manifests that the command reads, and no account of anybody's."""
    for name in ("samconfig.toml", "template.yaml"):
        shutil.copy(root / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


@pytest.fixture
def aws(project: Path, monkeypatch: pytest.MonkeyPatch) -> DeployedStack:
    """An account whose time only passes while the command waits."""
    fake = DeployedStack(50, 50, start=datetime.now(UTC))
    monkeypatch.setattr(aws_module, "clients", lambda region, profile: fake.clients())
    monkeypatch.setattr(Signals, "wait", lambda _, seconds: fake.wait(seconds))
    return fake


@dataclass
class Result:
    """What a command wrote, and its exit status."""

    exit_code: int
    stdout: str
    stderr: str


def invoke(*options: str) -> Result:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        shift(options)
    assert isinstance(ended.value.code, int)
    return Result(ended.value.code, out.getvalue(), err.getvalue())


def weights(project: Path) -> dict[str, int]:
    config = tomllib.loads((project / "samconfig.toml").read_text())
    found = config["alb-test"]["deploy"]["parameters"]["parameter_overrides"]
    return {name: found[name] for name in ("LambdaWeight", "FargateWeight")}


def test_a_shift_is_told_and_written_down(aws: DeployedStack, project: Path) -> None:
    result = invoke("--to", "fargate", "--steps", "75,100", "--bake", "2m")
    assert result.exit_code == 0
    assert result.stdout == "The listener has lambda 0, fargate 100.\n"
    assert "step 2 of 2 lambda 0, fargate 200: complete" in result.stderr
    assert (
        "samconfig.toml now has LambdaWeight = 0, FargateWeight = 100: commit it" in result.stderr
    )
    assert weights(project) == {"LambdaWeight": 0, "FargateWeight": 100}
    assert "\x1b" not in result.stdout + result.stderr


def test_a_rollback_is_told_and_changes_no_file(aws: DeployedStack, project: Path) -> None:
    before = (project / "samconfig.toml").read_text()
    aws.at(60, lambda: aws.alarm("fargate-errors"))
    result = invoke("--to", "fargate")
    assert result.exit_code == 1 and result.stdout == ""
    last = result.stderr.splitlines()[-1]
    assert last.startswith("portable: The step to lambda 0, fargate 200 was rolled back, as alarm")
    assert last.endswith("The listener has lambda 50, fargate 50, as before the shift.")
    assert (project / "samconfig.toml").read_text() == before


def test_an_interruption_writes_what_stays(aws: DeployedStack, project: Path) -> None:
    aws.interrupts = [lambda aws: aws.elapsed > 400]
    result = invoke("--to", "fargate", "--steps", "60,100")
    assert result.exit_code == 130
    assert "The listener has lambda 40, fargate 60." in result.stderr
    assert "--env test --to fargate --steps 100 --bake 5m" in result.stderr
    assert weights(project) == {"LambdaWeight": 40, "FargateWeight": 60}


def test_a_dry_run_shows_the_plan_and_changes_nothing(aws: DeployedStack, project: Path) -> None:
    before = (project / "samconfig.toml").read_text()
    result = invoke("--to", "fargate", "--dry-run")
    assert (result.exit_code, result.stderr) == (0, "")
    since = f"{aws.start:%Y-%m-%d %H:%M:%S} UTC"
    assert result.stdout.splitlines() == [
        "Step 10 is dropped: fargate has 50% now.",
        "Step 50 is dropped: fargate has 50% now.",
        "portable-api-alb-test: from lambda 50, fargate 50 to lambda 0, fargate 100.",
        "  1. lambda 0, fargate 200 (100%): baked for 5m",
        "  2. lambda 0, fargate 100: the same shares, without rollback triggers",
        "Rollback triggers:",
        f"  alarm portable-api-test-lambda is in OK since {since}",
        f"  alarm portable-api-test-fargate is in OK since {since}",
        "It takes at least 5m.",
    ]
    assert all(call.startswith(("Describe", "Get")) for call in aws.calls)
    assert (project / "samconfig.toml").read_text() == before


def test_weights_that_are_there_already_are_no_error(aws: DeployedStack) -> None:
    result = invoke("--to", "lambda", "--steps", "10,50")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "lambda has 50% already: lambda 50, fargate 50."


@pytest.mark.parametrize(
    "steps", ["", "0", "101", "50,50", "50,10", "10,", "1e1", "ten", "+5", "5.5"]
)
def test_steps_that_do_not_rise_are_refused(steps: str) -> None:
    result = invoke("--to", "fargate", "--steps", steps)
    assert result.exit_code == 1
    expected = "expected rising percents from 1 to 100, as in 10,50,100."
    assert result.stderr == f"portable: --steps is {steps!r}, {expected}\n"


@pytest.mark.parametrize(
    ("bake", "error"),
    [
        ("5", "expected a duration such as 90s, 5m, 1h or 0."),
        ("-5m", "expected a duration such as 90s, 5m, 1h or 0."),
        ("5 m", "expected a duration such as 90s, 5m, 1h or 0."),
        ("90s", "expected whole minutes from 0 to 180m: CloudFormation takes no others."),
        ("4h", "expected whole minutes from 0 to 180m: CloudFormation takes no others."),
    ],
)
def test_a_bake_that_cloudformation_does_not_take_is_refused(bake: str, error: str) -> None:
    result = invoke("--to", "fargate", "--bake", bake)
    assert result.exit_code == 1
    assert result.stderr == f"portable: --bake is {bake!r}, {error}\n"


@pytest.mark.parametrize(
    ("bake", "warned"), [("0", True), ("60s", True), ("2m", False), ("3h", False)]
)
def test_a_bake_that_no_alarm_can_go_off_in_is_warned_of(
    aws: DeployedStack, bake: str, warned: bool
) -> None:
    result = invoke("--to", "fargate", "--bake", bake, "--dry-run")
    assert result.exit_code == 0
    assert ("ends before the alarms can go off" in result.stderr) == warned


def test_a_shift_without_requests_ends_after_its_step(aws: DeployedStack, project: Path) -> None:
    aws.traffic = {"lambda": 0, "fargate": 0}
    result = invoke("--to", "fargate", "--steps", "75,100", "--bake", "2m")
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert lines[0] == "No request has come lately: the alarms see nothing unless some come."
    assert lines[-4:] == [
        "portable: The alarms had too little to watch: fargate had 0 requests while lambda 50, "
        "fargate 150 baked, fewer than 40 (--min-requests). Send some, or give --yes. "
        "The listener has lambda 25, fargate 75.",
        "To go on: portable shift --env test --to fargate --steps 100 --bake 2m",
        "To go back: portable shift --env test --to lambda --steps 50 --bake 2m",
        "samconfig.toml now has LambdaWeight = 25, FargateWeight = 75: commit it, or the next "
        "deployment undoes this.",
    ]
    assert aws.triggers == []


@pytest.mark.parametrize("options", [("--yes",), ("--min-requests", "0"), ("--bake", "0")])
def test_a_shift_without_requests_can_be_wanted(
    aws: DeployedStack, options: tuple[str, ...]
) -> None:
    aws.traffic = {"lambda": 0, "fargate": 0}
    result = invoke("--to", "fargate", *options)
    assert (result.exit_code, result.stdout) == (0, "The listener has lambda 0, fargate 100.\n")
    told = "Requests while it baked: fargate 0, lambda 0." in result.stderr
    assert told == (options == ("--yes",))


def test_a_minimum_is_part_of_the_command_to_go_on(aws: DeployedStack) -> None:
    result = invoke("--to", "fargate", "--steps", "75,100", "--min-requests", "100000")
    assert result.exit_code == 1 and "fewer than 100000 (--min-requests)" in result.stderr
    command = "portable shift --env test --min-requests 100000 --to fargate --steps 100 --bake 5m"
    assert f"To go on: {command}" in result.stderr


def test_triggers_that_a_shift_left_are_removed_by_a_command(
    aws: DeployedStack, project: Path
) -> None:
    stack = CloudFormationStack(deployment(project, "test"), aws.clients(), aws.wait, aws.now)
    stack.begin(Weights(51, 51), stack.alarms(), 0)
    while stack.progress().status is not Status.COMPLETE:
        aws.wait(5)
    aws.alarms.clear()
    refused = invoke("--to", "fargate")
    assert refused.exit_code == 1
    assert "keeps rollback triggers that fail its next update, portable-api-test-lambda (GONE)" in (
        refused.stderr
    )
    command = "portable shift --env test --clear-triggers"
    assert refused.stderr.splitlines()[-1] == f"To remove them: {command}"
    shown = invoke("--clear-triggers", "--dry-run")
    assert shown.stdout.splitlines()[-1] == (
        "  1. lambda 102, fargate 102: the same shares, without rollback triggers"
    )
    result = invoke(*command.split()[2:])
    assert (result.exit_code, aws.triggers) == (0, [])
    assert weights(project) == {"LambdaWeight": 102, "FargateWeight": 102}
    again = invoke("--clear-triggers")
    assert (again.exit_code, again.stdout) == (
        0,
        "portable-api-alb-test keeps no rollback triggers.\n",
    )


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--to", "lambda"), "goes without --to: it shifts nothing."),
        (("--local",), "goes without --local: a local run keeps none."),
    ],
)
def test_triggers_are_removed_by_nothing_else(options: tuple[str, ...], error: str) -> None:
    assert invoke("--clear-triggers", *options).stderr == f"portable: --clear-triggers {error}\n"


def test_a_port_is_only_of_a_local_run(project: Path) -> None:
    result = invoke("--to", "fargate", "--port", "1")
    assert result.stderr == "portable: --port is of a local run: add --local.\n"


def test_a_side_is_required(project: Path) -> None:
    assert invoke().exit_code == 2


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "no region is set: set AWS_DEFAULT_REGION"),
        ({"AWS_REGION": "eu-west-1"}, "no region is set: set AWS_DEFAULT_REGION"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "there are no AWS credentials: set AWS_PROFILE"),
        (
            {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_PROFILE": "work"},
            "The config profile (work) could not be found: set AWS_PROFILE",
        ),
    ],
)
def test_an_account_that_is_not_set_is_one_sentence(
    project: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    result = invoke("--to", "fargate")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"portable: {sentence}")
    assert result.stderr.count("\n") == 1


@contextmanager
def process(aws: DeployedStack, *options: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run the command against `aws` in a process of its own."""
    command = [sys.executable, "-c", START, "--to", "fargate", *options]
    started = subprocess.Popen(
        command,
        env=aws.account.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    try:
        yield started, lines
    finally:
        if started.poll() is None:
            started.kill()
        started.communicate()


def read_until(started: subprocess.Popen[str], lines: list[str], text: str) -> None:
    assert started.stderr is not None
    for line in started.stderr:
        lines.append(line)
        if text in line:
            return
    raise AssertionError(f"{text!r} is not in {lines}")


@pytest.fixture
def real_time() -> Iterator[DeployedStack]:
    """An account for a process of its own, which has the time of day from this machine."""
    with serve(speed=SPEED) as aws:
        yield aws


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_takes_the_step_back(project: Path, number: int, real_time: DeployedStack) -> None:
    aws = real_time
    with process(aws, "--bake", "180m") as (started, lines):
        read_until(started, lines, "baking")
        started.send_signal(number)
        out, err = started.communicate(timeout=60)
    assert started.returncode == 130, err
    assert out == ""
    assert "Interrupted. The step under way was taken back." in err
    assert "Traceback" not in err
    assert aws.listener == {"lambda": 100, "fargate": 0}
    assert aws.status == "UPDATE_ROLLBACK_COMPLETE"


def test_ctrl_c_in_a_terminal_takes_the_step_back(project: Path, real_time: DeployedStack) -> None:
    aws = real_time
    command = [sys.executable, "-c", START, "--to", "fargate", "--bake", "180m"]
    environment = aws.account.environment | {"TERM": "xterm", "COLUMNS": "120"}
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover
        os.execve(sys.executable, command, environment)
    shown = ""
    try:
        while "baking" not in shown:
            shown += read_terminal(terminal)
        os.write(terminal, b"\x03")
        while more := read_terminal(terminal):
            shown += more
    finally:
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130, shown
    assert "shift to fargate" in shown and "lambda 90%" in shown
    assert "The step under way was taken back." in shown
    assert "Traceback" not in shown
    assert aws.listener == {"lambda": 100, "fargate": 0}


@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        (b"y\n", 0, "The listener has lambda 0, fargate 100."),
        (b"\n", 1, "The listener has lambda 90, fargate 10."),
        (b"\x04", 1, "The listener has lambda 90, fargate 10."),
        (b"\x03", 130, "Interrupted. The step is complete. The listener has lambda 90,"),
    ],
)
def test_a_terminal_is_asked_whether_to_go_on(
    project: Path, answer: bytes, status: int, told: str, real_time: DeployedStack
) -> None:
    aws = real_time
    aws.traffic = {"lambda": 600, "fargate": 0}
    options = ["--to", "fargate", "--steps", "10,100", "--bake", "2m"]
    command = [sys.executable, "-c", START, *options]
    environment = aws.account.environment | {"TERM": "xterm", "COLUMNS": "300"}
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover
        os.execve(sys.executable, command, environment)
    shown, asked = "", 0
    try:
        while more := read_terminal(terminal):
            shown += more
            if shown.count("Go on? [y/N]") > asked:
                asked += 1
                os.write(terminal, answer)
    finally:
        os.close(terminal)
        _, ended = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(ended) == status, shown
    assert asked == (2 if status == 0 else 1)
    assert told in shown and "Traceback" not in shown
    assert aws.triggers == []


@pytest.mark.parametrize("stdin", ["closed", "/dev/null"])
def test_nobody_is_asked_without_a_terminal(
    project: Path, stdin: str, real_time: DeployedStack
) -> None:
    aws = real_time
    aws.traffic = {"lambda": 600, "fargate": 0}
    redirection = "<&-" if stdin == "closed" else "</dev/null"
    command = [sys.executable, "-c", START, "--to", "fargate", "--bake", "2m"]
    ended = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *command],
        env=aws.account.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Send some, or give --yes. The listener has lambda 90, fargate 10." in ended.stderr
    assert "Traceback" not in ended.stderr


def read_terminal(terminal: int) -> str:
    """Return what is shown next, nothing at the end."""
    assert select.select([terminal], [], [], 60)[0], "nothing is shown any more"
    try:
        return os.read(terminal, 65536).decode(errors="replace")
    except OSError:  # Linux's way of saying that nobody has the other end any more
        return ""


def test_a_second_signal_leaves_a_process_at_once(project: Path, real_time: DeployedStack) -> None:
    aws = real_time
    with process(aws, "--bake", "180m") as (started, lines):
        read_until(started, lines, "baking")
        aws.clock.source = lambda: 100.0  # it never gets to take the step back
        started.send_signal(signal.SIGINT)
        read_until(started, lines, "rolling back")
        started.send_signal(signal.SIGINT)
        _, err = started.communicate(timeout=60)
    assert started.returncode == 130, err
    assert "CloudFormation finishes taking the step back by itself.\nTo look: aws" in err
    assert "Traceback" not in err


def test_a_signal_before_the_shift_changes_nothing(project: Path, real_time: DeployedStack) -> None:
    aws = real_time
    aws.cloudformation.region.times = Times(change_set=10**9)
    with process(aws) as (started, lines):
        read_until(started, lines, "updating")
        wait_for(lambda: "DescribeChangeSet" in aws.calls)
        started.send_signal(signal.SIGINT)
        _, err = started.communicate(timeout=60)
    assert started.returncode == 130, err
    assert "Nothing of the next step has changed." in err
    assert not aws.change_sets and "ExecuteChangeSet" not in aws.calls


def test_a_signal_is_waited_for_once_each() -> None:
    before = signal.getsignal(signal.SIGINT)  # ignored in a job of a shell's background
    with Signals() as signals:
        assert signals.wait(0) is False
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.wait(60) is True
        assert signals.wait(0) is False
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_after_one_that_was_told_leaves_at_once() -> None:
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.wait(60) is True
        with pytest.raises(ForceQuit):
            os.kill(os.getpid(), signal.SIGTERM)


def test_only_a_third_signal_leaves_where_nothing_waits() -> None:
    with Signals() as signals:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(ForceQuit):
            os.kill(os.getpid(), signal.SIGINT)
        assert [signals.wait(60), signals.wait(60), signals.wait(0)] == [True, True, False]


def test_a_terminal_shows_the_plan_the_split_and_the_alarms() -> None:
    stack = ScriptedStack()
    plan = make_plan(stack, "fargate", (10, 50, 100), 300)
    console = Console(file=io.StringIO(), force_terminal=True, width=150, color_system=None)
    view = LiveShiftView(console)
    view.open(plan)
    first, second, _ = plan.steps
    view.update(first, Progress(Status.COMPLETE), first.weights, plan.alarms)
    failing = [alarm("lambda"), alarm("fargate", "ALARM")]
    view.update(second, Progress(Status.BAKING, 192.4), second.weights, failing)
    view.close()
    with console.capture() as captured:
        console.print(view.frame())
    assert captured.get().splitlines() == [
        "the stack: shift to fargate",
        "  1. lambda 90, fargate 10  done",
        "  2. lambda 50, fargate 50  baking, 3:12 left",
        "  3. lambda 0, fargate 100  to come",
        "",
        "  ████████████████████████████████████████  lambda 50%  fargate 50%",
        "",
        "  lambda OK since 2026-11-23 14:05:09 UTC",
        "  fargate ALARM since 2026-11-23 14:05:09 UTC because of fargate-errors: "
        "Threshold Crossed: 12 errors",
        "",
    ]


def test_plain_lines_tell_only_what_is_new() -> None:
    stack, lines = ScriptedStack(), []
    plan = make_plan(stack, "fargate", (100,), 300)
    view = PlainShiftView(lines.append, lambda: datetime(2026, 11, 23, 14, tzinfo=UTC))
    view.open(plan)
    del lines[:]
    for remaining in (300.0, 295.0):
        view.update(plan.steps[0], Progress(Status.BAKING, remaining), plan.weights, plan.alarms)
    view.update(plan.steps[0], Progress(Status.COMPLETE), plan.weights, plan.alarms)
    assert lines == [
        "2026-11-23T14:00:00Z step 1 of 1 lambda 0, fargate 100: baking, 5:00 left\n",
        "2026-11-23T14:00:00Z step 1 of 1 lambda 0, fargate 100: complete\n",
    ]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
