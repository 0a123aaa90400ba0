"""Tasks of RunTask: the command is run for real, and its lines are in the log group.

In an account with images it runs in a container of its image, in one without as a process of this
machine. It has the variables of the task definition and of the overrides, and no secrets.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError


@dataclass(frozen=True)
class Run:
    """How a command is run: `line` makes the command line of this machine; `logs` is a client."""

    line: Callable[[str, Sequence[str], Mapping[str, str]], "Line"]
    logs: Callable[[], Any]


@dataclass(frozen=True)
class Line:
    """A command line, its environment, and what removes what it leaves."""

    words: Sequence[str]
    environment: Mapping[str, str]
    cleanup: Sequence[Sequence[str]] = ()


class Registry(Protocol):
    @property
    def host(self) -> str: ...


def as_process(_: str, command: Sequence[str], variables: Mapping[str, str]) -> Line:
    """Run it as a process, with the Python of the tests."""
    name, *words = command
    name = sys.executable if name.rpartition("/")[2].startswith("python") else name
    return Line([name, *words], {"PATH": os.defpath, **variables})


def as_container(account: str, registry: Registry) -> Callable[..., Line]:
    """Return what runs it in a container of the image, pulled from the registry."""

    def line(image: str, command: Sequence[str], variables: Mapping[str, str]) -> Line:
        local = f"{registry.host}/{image.partition('/')[2]}"
        name = f"task-{account}-{time.monotonic_ns()}"
        given = [part for key in variables for part in ("--env", key)]
        return Line(
            ["docker", "run", "--rm", "--name", name, *given, local, *command],
            {**os.environ, **variables},
            (["docker", "rm", "--force", name], ["docker", "rmi", local]),
        )

    return line


class OneOffTask:
    """One task: `seconds` until it runs, unless `failing` says why it does not."""

    def __init__(
        self,
        arn: str,
        definition: dict[str, Any],
        parameters: dict[str, Any],
        run: Run,
        clock: Callable[[], float],
        seconds: float,
        failing: str,
    ) -> None:
        self.arn, self.definition, self.run = arn, definition, run
        self.parameters = parameters
        self.clock, self.begins = clock, clock() + seconds
        self.started_by, self.token = parameters.get("startedBy"), parameters.get("clientToken")
        self.override = parameters["overrides"]["containerOverrides"][0]
        self.container = next(
            each
            for each in definition["containerDefinitions"]
            if each["name"] == self.override["name"]
        )
        self.failing = failing
        self.code = self.reason = ""  # why it stops, once that is known
        self.over = False
        self.process: subprocess.Popen[str] | None = None
        self.line: Line | None = None
        self.reading: threading.Thread | None = None
        self.last = ""  # of the lines of the command

    def described(self) -> dict[str, Any]:
        """Return it as DescribeTasks does, after what is due by now."""
        self._go_on()
        container: dict[str, Any] = {
            "name": self.container["name"],
            "image": self.container["image"],
        }
        task = {
            "taskArn": self.arn,
            "taskDefinitionArn": self.definition["taskDefinitionArn"],
            "startedBy": self.started_by,
            "lastStatus": self.status,
            "containers": [container],
        }
        if self.over:
            task |= {"stopCode": self.code, "stoppedReason": self.reason}
            if self.code == "TaskFailedToStart":
                container["reason"] = self.reason
            elif self.process is not None:
                returned = self.process.returncode
                container["exitCode"] = 128 - returned if returned < 0 else returned
        return task

    @property
    def status(self) -> str:
        """How far it is."""
        if self.over:
            return "STOPPED"
        return "RUNNING" if self.process else "PROVISIONING"

    def stop(self, reason: str) -> None:
        """Stop it as StopTask does."""
        self.code, self.reason = "UserInitiated", reason
        if self.process is not None:
            self.process.terminate()

    def end(self) -> None:
        """End what it has started, as the account ends."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self._clean()

    def _go_on(self) -> None:
        if self.over:
            return
        if self.process is None:
            if self.code:
                self.over = True
            elif self.clock() >= self.begins:
                self._start()
        elif self.process.poll() is not None:
            self._clean()
            self.over = True
            # The engine's own words, where a container does not start.
            if self.line and self.line.cleanup and self.process.returncode in (125, 126, 127):
                self.code, self.reason = "TaskFailedToStart", self.last
            if not self.code:
                self.code = "EssentialContainerExited"
                self.reason = "Essential container in task exited"

    def _start(self) -> None:
        command = self.override["command"]
        variables = {
            each["name"]: each["value"]
            for each in (*self.container.get("environment", []), *self.override["environment"])
        }
        self.line = self.run.line(self.container["image"], command, variables)
        try:
            if self.failing:
                raise FileNotFoundError
            self.process = subprocess.Popen(
                self.line.words,
                env=self.line.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        except FileNotFoundError:
            text = f'exec: "{command[0]}": executable file not found in $PATH: unknown'
            text = f"CannotStartContainerError: OCI runtime create failed: {text}"
            self.code, self.reason = "TaskFailedToStart", self.failing or text
            self.over = True
            return
        self.reading = threading.Thread(target=self._read, daemon=True)
        self.reading.start()

    def _read(self) -> None:
        options = self.container["logConfiguration"]["options"]
        number = self.arn.rpartition("/")[2]
        stream = f"{options['awslogs-stream-prefix']}/{self.container['name']}/{number}"
        where = {"logGroupName": options["awslogs-group"], "logStreamName": stream}
        logs, made = self.run.logs(), False
        assert self.process is not None and self.process.stdout is not None
        for text in self.process.stdout:
            if not text.strip():
                continue  # the log driver drops it, as CloudWatch takes no empty line
            self.last = text.strip()
            if not made:
                logs.create_log_stream(**where)
                made = True
            event = {"timestamp": int(time.time() * 1000), "message": text.rstrip("\n")}
            try:
                logs.put_log_events(**where, logEvents=[event])
            except ClientError:  # the account ends
                return

    def _clean(self) -> None:
        if self.reading is not None:
            self.reading.join(10)
        assert self.process is not None
        if self.process.stdout is not None:
            self.process.stdout.close()
        for command in self.line.cleanup if self.line else ():
            subprocess.run(command, capture_output=True)
