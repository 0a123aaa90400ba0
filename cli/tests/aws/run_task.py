"""What ECS does of RunTask and StopTask: the checks; the tasks themselves are in `tasks.py`."""

import secrets
from collections.abc import Callable
from typing import Any

from tests.aws.ecr import Ecr
from tests.aws.errors import AwsError
from tests.aws.tasks import OneOffTask, Run


class RunTask:
    """A part of `Ecs`: `tasks` by ARN, with what they were asked for.

    A test may set `task_failing`, why the next task does not start, and `refusing`, why the next
    call starts none.
    """

    prefix: str
    clusters: dict[str, dict[str, Any]]
    ecr: Ecr
    clock: Callable[[], float]
    seconds: float
    describe_task_definition: Callable[[dict[str, Any]], dict[str, Any]]

    def __init__(self, run: Run) -> None:
        self.run = run
        self.tasks: dict[str, OneOffTask] = {}
        self.task_failing = ""
        self.refusing = ""

    def run_task(self, parameters: dict[str, Any]) -> dict[str, Any]:
        cluster = parameters.get("cluster", "default").rpartition("/")[2]
        if f"{self.prefix}:cluster/{cluster}" not in self.clusters:
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        if not parameters.get("networkConfiguration", {}).get("awsvpcConfiguration"):
            text = "Network Configuration must be provided when networkMode 'awsvpc' is specified."
            raise AwsError("InvalidParameterException", text)
        if self.refusing:
            reason, self.refusing = self.refusing, ""
            return {"tasks": [], "failures": [{"reason": reason}]}
        # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
        for task in self.tasks.values():
            if task.token and task.token == parameters.get("clientToken"):
                return {"tasks": [task.described()], "failures": []}
        found = self.describe_task_definition(parameters)["taskDefinition"]
        arn = f"{self.prefix}:task/{cluster}/{secrets.token_hex(16)}"
        failing, self.task_failing = self.task_failing, ""
        for container in found["containerDefinitions"]:
            if not self.ecr.has(container["image"]):
                failing = f"CannotPullContainerError: {container['image']}: not found"
        task = OneOffTask(arn, found, parameters, self.run, self.clock, self.seconds, failing)
        self.tasks[arn] = task
        return {"tasks": [task.described()], "failures": []}

    def stop_task(self, parameters: dict[str, Any]) -> dict[str, Any]:
        number = parameters["task"].rpartition("/")[2]
        [task] = [each for arn, each in self.tasks.items() if arn.endswith(f"/{number}")]
        task.stop(parameters.get("reason", "Task stopped by user"))
        return {"task": task.described()}
