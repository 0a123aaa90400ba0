"""Where the README's commands run: a copy of the project, and an account that is empty at first."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import tomlkit

from tests.aws.schedule import Times
from tests.aws.server import REGION, Account, aws
from tests.docker.base_image import pass_on
from tests.rehearsal.chapters import ROOT
from tests.rehearsal.left import Left, left

WHERE = r"\x1b\[6n"  # a program asks a terminal where its cursor is, to learn the size
LONGEST = 300  # seconds for one command, else it hangs
# A minute of the alarms takes half a second here.
TIMES = Times(change_set=0, resource=0, clean=0, minute=0.5)


@dataclass(frozen=True)
class Done:
    """One command that was run; `seconds` are those of the wall clock, `changed` what it left."""

    command: str
    status: int
    seconds: float
    output: str
    changed: str


@dataclass
class Stage:
    """Runs commands in `folder` against `account` and keeps what each of them did.

    `report` is called with each command as soon as it has ended.
    """

    account: Account
    folder: Path
    environment: dict[str, str]
    report: Callable[[Done], None]
    stopped: str = ""  # the command that did not do what was expected of it

    def export(self, line: str) -> None:
        """Do a line of the README that begins with `export`, for the commands that follow."""
        shell = ["bash", "-c", f"{line} && env -0"]
        answer = subprocess.run(
            shell, cwd=self.folder, env=self.environment, capture_output=True, check=True, text=True
        )
        self.environment = dict(pair.split("=", 1) for pair in answer.stdout.split("\0") if pair)

    def run(
        self,
        command: str,
        status: int = 0,
        says: str = "",
        answers: Mapping[str, str] | None = None,
        meanwhile: Callable[["Running"], None] | None = None,
    ) -> str:
        """Run a command to its end and return what it wrote; standard input is closed.

        It fails unless the exit status is `status` and the output contains `says`. With `answers`
        the command gets a terminal, and each prompt that fits a regular expression its answer.
        `meanwhile` is called while it runs.
        """
        assert not self.stopped, f"the rehearsal has stopped at `{self.stopped}`"
        self.stopped = command
        before, started = left(self.account), time.monotonic()
        if answers is None:
            ended, output = self._piped(command, meanwhile)
        else:
            ended, output = self._answered(command, answers)
        seconds = time.monotonic() - started
        done = Done(command, ended, seconds, output, left(self.account).since(before))
        self.report(done)
        assert ended == status, f"`{command}` ended with {ended}, expected {status}:\n{output}"
        assert says in output, f"`{command}` does not say {says!r}:\n{output}"
        self.stopped = ""
        return output

    def edit(self, path: str, old: str, new: str) -> None:
        """Change a file as its owner would: `old`, which is there once, becomes `new`."""
        text = (self.folder / path).read_text()
        assert text.count(old) == 1, f"{path} has {old!r} {text.count(old)} times"
        (self.folder / path).write_text(text.replace(old, new))

    def parameter(self, section: str, name: str) -> Any:
        """Return a parameter of `samconfig.toml`."""
        return self._samconfig()[section]["deploy"]["parameters"]["parameter_overrides"][name]

    def set_parameter(self, section: str, name: str, value: Any) -> None:
        """Change a parameter in `samconfig.toml`, which has it."""
        config = self._samconfig()
        parameters = config[section]["deploy"]["parameters"]["parameter_overrides"]
        assert name in parameters, f"[{section}] of samconfig.toml has no {name}"
        parameters[name] = value
        (self.folder / "samconfig.toml").write_text(tomlkit.dumps(config))

    def _samconfig(self) -> Any:
        return tomlkit.parse((self.folder / "samconfig.toml").read_text())

    def share(self) -> float:
        """Return the percent of the requests that the listener gives to Fargate."""
        (weights,) = self.left().weights.values()
        lambda_, fargate = map(int, weights.split("/"))
        return 100 * fargate / (lambda_ + fargate)

    def move_listener(self, *weights: int) -> None:
        """Change the weights behind the back of the stack."""
        elbv2 = self.account.client("elbv2")
        (balancer,) = elbv2.describe_load_balancers()["LoadBalancers"]
        arn = balancer["LoadBalancerArn"]
        (listener,) = elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"]
        (action,) = listener["DefaultActions"]
        for group, weight in zip(action["ForwardConfig"]["TargetGroups"], weights, strict=True):
            group["Weight"] = weight
        elbv2.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=[action])

    def fail_targets(self) -> None:
        """Let all tasks fail their health check."""
        for service in self.account.ecs.services.values():
            for address in service.addresses:
                self.account.elbv2.health[address] = "unhealthy"

    def invoke(self, alarm: str) -> Any:
        """Run the failover function as `alarm` invokes it, with boto3 asking this account."""
        (function,) = [
            found
            for found in self.account.functions.functions.values()
            if "TARGET_GROUPS" in found.get("Environment", {}).get("Variables", {})
        ]
        event = json.dumps({"alarmData": {"alarmName": alarm}})
        code = f"{function['Code']['ZipFile']}\n\nhandler({event}, None)\n"
        answer = subprocess.run(
            [sys.executable, "-c", code],
            env={**self.environment, **function["Environment"]["Variables"]},
            capture_output=True,
            text=True,
        )
        assert answer.stdout, (
            answer.stderr
        )  # a line of JSON also where it raises, to be tried again
        return json.loads(answer.stdout.splitlines()[-1])

    def left(self) -> Left:
        """Return what is in the account now."""
        return left(self.account)

    def _piped(
        self, command: str, meanwhile: Callable[["Running"], None] | None
    ) -> tuple[int, str]:
        with tempfile.TemporaryFile("w+") as output:
            process = subprocess.Popen(
                ["bash", "-c", command],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            running = Running(self.account, process)
            try:
                if meanwhile:
                    meanwhile(running)
                status = process.wait(LONGEST)
            finally:
                running.kill()
            output.seek(0)
            return status, output.read()

    def _answered(self, command: str, answers: Mapping[str, str]) -> tuple[int, str]:
        child = pexpect.spawn(
            "bash",
            ["-c", command],
            cwd=str(self.folder),
            env={**self.environment, "TERM": "dumb"},  # type: ignore[arg-type]
            encoding="utf-8",
            timeout=LONGEST,
            dimensions=(50, 200),
        )
        patterns = [*answers, WHERE, pexpect.EOF]
        output = ""
        try:
            while (found := child.expect(patterns)) < len(answers) + 1:
                output += child.before + child.after
                if found < len(answers):
                    child.sendline(list(answers.values())[found])
                else:
                    child.send("\x1b[50;200R")
            output += child.before
        finally:
            child.close(force=True)
        status = child.exitstatus if child.signalstatus is None else 128 + child.signalstatus
        return status or 0, output


@dataclass
class Running:
    """A command under way."""

    account: Account
    process: subprocess.Popen[bytes]

    def until(self, condition: Callable[[], Any]) -> None:
        """Wait until `condition` holds; fails where the command ends or hangs before."""
        deadline = time.monotonic() + LONGEST
        while not condition():
            assert self.process.poll() is None, f"ended with {self.process.returncode} before"
            assert time.monotonic() < deadline, "waited for in vain"
            time.sleep(0.05)

    def interrupt(self) -> None:
        """Press Ctrl-C: the whole foreground process group gets SIGINT."""
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """End what still runs."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@contextmanager
def stage(
    report: Callable[[Done], None], project: Path | None = None, region: str = REGION
) -> Iterator[Stage]:
    """Give a stage with an empty account; the folder is `project`, or else a copy of this one."""
    with (
        tempfile.TemporaryDirectory(prefix="rehearsal-") as temporary,
        aws(region, times=TIMES) as account,
    ):
        folder = project or Path(temporary, "project")
        if not project:
            _copy(folder)
        pass_on(folder)
        # With CI=true Copilot needs Docker's buildx: see the README.
        environment = {k: v for k, v in account.environment.items() if k not in ("CI", "ENV")}
        environment["PORTABLE_STAND_IN"] = "allowed"  # no image of it leaves this machine
        yield Stage(account, folder, environment, report)


def _copy(folder: Path) -> None:
    """Copy what git knows and what is new, with the environment of this run as its `.venv`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")
