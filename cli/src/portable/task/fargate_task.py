"""A task on Fargate that runs one command and ends.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from portable.check.account.session import Account
from portable.errors import PortableError
from portable.task.deployed import DeployedService

STARTED_BY = "portable-task"
STOPPED = "STOPPED"
# What RegisterTaskDefinition takes of what DescribeTaskDefinition gives.
REGISTERED = (
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "volumes",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "proxyConfiguration",
    "ephemeralStorage",
    "runtimePlatform",
)


@dataclass(frozen=True)
class State:
    """How far a task is: `status` as ECS calls it; the exit status of its command, if it ran.

    `reason` is why it stopped, and empty where its command has ended.
    """

    status: str = "PROVISIONING"
    exit_status: int | None = None
    reason: str = ""


class FargateTask:
    """Runs `command` in `image` as a task of `service`, with `variables` besides its own."""

    def __init__(
        self,
        account: Account,
        service: DeployedService,
        image: str,
        command: Sequence[str],
        variables: Mapping[str, str],
    ) -> None:
        self.account, self.service, self.image = account, service, image
        self.command, self.variables = command, variables
        self.definition = ""
        self.arn = ""
        self.token = ""  # of the log: what was read last

    @property
    def name(self) -> str:
        """Its name in sentences."""
        return f"task {self.arn.rpartition('/')[2]}"

    @property
    def by_hand(self) -> str:
        """The command that stops it, should this one not get to it."""
        words = f"--cluster {self.service.cluster} --task {self.arn.rpartition('/')[2]}"
        return f"aws ecs stop-task {words}"

    def start(self) -> None:
        """Start it; raise `PortableError` where ECS cannot."""
        definition = self.account.ask("ecs", "register_task_definition", **self._definition())
        self.definition = definition["taskDefinition"]["taskDefinitionArn"]
        environment = [{"name": name, "value": value} for name, value in self.variables.items()]
        override = {
            "name": self.service.name,
            "command": list(self.command),
            "environment": environment,
        }
        answer = self.account.ask(
            "ecs",
            "run_task",
            cluster=self.service.cluster,
            taskDefinition=self.definition,
            launchType="FARGATE",  # never Spot, which may be taken away half-way
            platformVersion=self.service.platform,
            networkConfiguration=self.service.network,
            overrides={"containerOverrides": [override]},
            startedBy=STARTED_BY,
            clientToken=str(uuid.uuid4()),  # asked for twice, it is still one task
        )
        if not answer["tasks"]:
            reasons = ", ".join(each.get("reason", "") for each in answer["failures"])
            raise PortableError(
                f"ECS cannot start the task now: {reasons or 'it does not say why'}."
            )
        self.arn = answer["tasks"][0]["taskArn"]

    def state(self) -> State:
        """Return how far it is."""
        answer = self.account.ask(
            "ecs", "describe_tasks", cluster=self.service.cluster, tasks=[self.arn]
        )
        if not answer["tasks"]:
            return State(STOPPED, None, "ECS does not know it any more")
        [task] = answer["tasks"]
        [own] = [each for each in task["containers"] if each["name"] == self.service.name] or [{}]
        state = State(task["lastStatus"], own.get("exitCode"))
        if state.status != STOPPED:
            return state
        ended = task.get("stopCode") == "EssentialContainerExited"
        reasons = [own.get("reason"), None if ended else task.get("stoppedReason")]
        texts = dict.fromkeys(" ".join(text.split()).rstrip(".") for text in reasons if text)
        return replace(state, reason="; ".join(texts))

    def log(self) -> Iterator[str]:
        """Yield the lines since the last time."""
        driver = self.service.container.get("logConfiguration", {})
        if driver.get("logDriver") != "awslogs":
            return
        options = driver["options"]
        number = self.arn.rpartition("/")[2]
        where = {
            "logGroupName": options["awslogs-group"],
            "logStreamName": f"{options['awslogs-stream-prefix']}/{self.service.name}/{number}",
            "startFromHead": True,
        }
        while True:
            given = where | ({"nextToken": self.token} if self.token else {})
            # There is no stream before the first line.
            answer = self.account.find(
                "ResourceNotFoundException", "logs", "get_log_events", **given
            )
            if answer is None:
                return
            yield from (event["message"] for event in answer["events"])
            # At the end of the stream it is the token that was given.
            if answer["nextForwardToken"] == self.token or not answer["events"]:
                return
            self.token = answer["nextForwardToken"]

    def stop(self, reason: str) -> None:
        """Have it stopped: SIGTERM, and SIGKILL after the stop timeout."""
        self.account.ask(
            "ecs", "stop_task", cluster=self.service.cluster, task=self.arn, reason=reason
        )

    def clean(self) -> None:
        """Take back what nobody needs once it has ended."""
        if self.definition:
            self.account.ask("ecs", "deregister_task_definition", taskDefinition=self.definition)

    def _definition(self) -> dict[str, Any]:
        """Return the service's task definition with the image by digest, as one of its own.

        Nobody asks it for its health, and a health check would only make a long migration
        unhealthy.
        """
        given = self.service.definition
        containers = [dict(each) for each in given["containerDefinitions"]]
        for container in containers:
            if container["name"] == self.service.name:
                container["image"] = self.image
                container.pop("healthCheck", None)
        return {
            **{name: given[name] for name in REGISTERED if name in given},
            "family": f"{given['family']}-task",
            "containerDefinitions": containers,
        }
