"""ECS: clusters, task definitions, services and the deployments that `copilot` waits for.

Checked: the target group of a service has a listener, the image of a task is in the registry. The
tasks of a service are a number; a deployment has them all after `seconds`, unless a test lets it
fail or one of its alarms goes into ALARM meanwhile. One of RunTask runs its command (`tasks.py`).
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.aws.actors import ResourceFailed
from tests.aws.ecr import Ecr
from tests.aws.elbv2 import Elbv2
from tests.aws.errors import AwsError
from tests.aws.run_task import RunTask
from tests.aws.service import Service
from tests.aws.tagging import Tagging
from tests.aws.tasks import Run


@dataclass
class Deployment:
    """What is being rolled out, from `begun`, in seconds of the clock, and watched by `alarms`."""

    task_definition: str
    begun: float
    created: datetime
    alarms: list[str]
    id: str = field(default_factory=lambda: f"ecs-svc/{secrets.randbelow(10**18):018}")
    state: str = "IN_PROGRESS"
    updated: datetime | None = None
    reason: str = ""


@dataclass
class EcsService:
    arn: str
    name: str
    cluster: str
    properties: dict[str, Any]
    deployment: Deployment
    created: datetime
    events: list[dict[str, Any]] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    @property
    def desired(self) -> int:
        return int(self.properties.get("DesiredCount", 1))


class Ecs(RunTask, Service):
    """`services` by ARN, `task_definitions` by ARN with their properties in the template's words.

    A test may set `seconds`, which a deployment and the start of a task take, and `failing`, why
    the next deployment fails.
    """

    name = "ecs"

    def __init__(
        self,
        account: str,
        region: str,
        elbv2: Elbv2,
        ecr: Ecr,
        tagging: Tagging,
        alarm_state: Callable[[str], str | None],
        clock: Callable[[], float],
        now: Callable[[], datetime],
        run: Run,
    ) -> None:
        self.prefix = f"arn:aws:ecs:{region}:{account}"
        self.elbv2, self.ecr, self.tagging, self.alarm_state = elbv2, ecr, tagging, alarm_state
        self.clock, self.now = clock, now
        self.clusters: dict[str, dict[str, Any]] = {}
        self.task_definitions: dict[str, dict[str, Any]] = {}
        self.revisions: dict[str, int] = {}
        self.services: dict[str, EcsService] = {}
        self.seconds = 2.0
        self.failing = ""
        RunTask.__init__(self, run)

    # Operations.

    def describe_clusters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        wanted = [name.rpartition("/")[2] for name in parameters.get("clusters") or ["default"]]
        found = [
            {"clusterArn": arn, "clusterName": last(arn), "status": "ACTIVE"}
            for arn in self.clusters
            if last(arn) in wanted
        ]
        missing = set(wanted) - {cluster["clusterName"] for cluster in found}
        return {"clusters": found, "failures": [{"arn": n, "reason": "MISSING"} for n in missing]}

    def describe_services(self, parameters: dict[str, Any]) -> dict[str, Any]:
        wanted = [last(name) for name in parameters["services"]]
        cluster = last(parameters.get("cluster", "default"))
        found = [
            service
            for service in self.services.values()
            if service.name in wanted and last(service.cluster) == cluster
        ]
        missing = set(wanted) - {service.name for service in found}
        return {
            "services": [self._described(service) for service in found],
            "failures": [{"arn": name, "reason": "MISSING"} for name in missing],
        }

    def list_services(self, parameters: dict[str, Any]) -> dict[str, Any]:
        cluster = last(parameters.get("cluster", "default"))
        found = [arn for arn, each in self.services.items() if last(each.cluster) == cluster]
        return {"serviceArns": found}

    def list_services_by_namespace(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"serviceArns": []}

    def describe_task_definition(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = last(parameters["taskDefinition"])
        family, _, revision = name.partition(":")
        arn = f"{self.prefix}:task-definition/{family}:{revision or self.revisions.get(family)}"
        if arn not in self.task_definitions:
            raise AwsError("ClientException", "Unable to describe task definition.")
        described = _lower(self.task_definitions[arn])
        return {
            "taskDefinition": described
            | {"taskDefinitionArn": arn, "revision": int(arn.rpartition(":")[2])}
        }

    def register_task_definition(self, parameters: dict[str, Any]) -> dict[str, Any]:
        arn = self.register(parameters["family"], _upper(parameters))
        return self.describe_task_definition({"taskDefinition": arn})

    def deregister_task_definition(self, parameters: dict[str, Any]) -> dict[str, Any]:
        described = self.describe_task_definition(parameters)
        del self.task_definitions[described["taskDefinition"]["taskDefinitionArn"]]
        return described

    def list_tasks(self, parameters: dict[str, Any]) -> dict[str, Any]:
        if parameters.get("desiredStatus", "RUNNING") != "RUNNING":
            return {"taskArns": []}
        name = parameters.get("serviceName", "")
        arns = [
            f"{self.prefix}:task/{last(service.cluster)}/{number:032x}"
            for service in self.services.values()
            if name in ("", service.name, service.arn)
            for number in range(len(service.addresses))
        ]
        started = parameters.get("startedBy")
        own = [
            task.arn
            for task in self.tasks.values()
            if not name and started in (None, task.started_by) and not task.over
        ]
        return {"taskArns": own if started else [*arns, *own]}

    def describe_tasks(self, parameters: dict[str, Any]) -> dict[str, Any]:
        tasks = [
            self.tasks[arn].described() if arn in self.tasks else self._of_service(arn)
            for arn in parameters["tasks"]
        ]
        return {"tasks": tasks, "failures": []}

    def update_service(self, parameters: dict[str, Any]) -> dict[str, Any]:
        [service] = [s for s in self.services.values() if s.name == last(parameters["service"])]
        if parameters.get("forceNewDeployment"):
            self.deploy(service)
        return {"service": self._described(service)}

    # What the actors share.

    def register(self, family: str, properties: dict[str, Any]) -> str:
        """Return the ARN of a new revision of the task definition `family`."""
        revision = self.revisions.get(family, 0) + 1
        self.revisions[family] = revision
        arn = f"{self.prefix}:task-definition/{family}:{revision}"
        self.task_definitions[arn] = {"Family": family} | properties
        return arn

    def deployment(self, given: dict[str, Any]) -> Deployment:
        """Return a deployment that begins now."""
        wanted = given.get("DeploymentConfiguration", {}).get("Alarms", {})
        alarms = wanted.get("AlarmNames", []) if wanted.get("Enable") else []
        # One that is in ALARM already takes all of them out.
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html
        if any(self.alarm_state(alarm) == "ALARM" for alarm in alarms):
            alarms = []
        return Deployment(given["TaskDefinition"], self.clock(), self.now(), alarms)

    def deploy(self, service: EcsService) -> None:
        """Begin a deployment of what the service's properties say now."""
        service.deployment = self.deployment(service.properties)
        task = service.deployment.task_definition
        self.event(service, f"has started a deployment of {last(task)}.")

    def go_on(self, service: EcsService) -> str | None:
        """Let time pass for a deployment; return what it waits for, None once it is complete.

        Raise ResourceFailed if the circuit breaker ends it.
        """
        deployment = service.deployment
        if deployment.state == "IN_PROGRESS":
            failure = ""
            if any(self.alarm_state(alarm) == "ALARM" for alarm in deployment.alarms):
                failure = "alarm detected."
            elif self.clock() < deployment.begun + self.seconds:
                return f"{service.name} has 0 of {service.desired} tasks running."
            else:
                failure, self.failing = self.failing or self._missing_image(service), ""
            deployment.state = "FAILED" if failure else "COMPLETED"
            deployment.updated, deployment.reason = self.now(), failure
            if failure:
                self.event(service, f"(deployment {deployment.id}) deployment failed: {failure}")
            else:
                self._run(service)
                self.event(service, "has reached a steady state.")
        if deployment.state == "FAILED":
            by_alarm = deployment.reason == "alarm detected."
            cause = "Deployment Alarm" if by_alarm else "Deployment Circuit Breaker"
            raise ResourceFailed(f"Error occurred during operation 'ECS {cause} was triggered'.")
        return None

    def stop(self, service: EcsService) -> None:
        """End all tasks."""
        self._register(service, [])

    def event(self, service: EcsService, text: str) -> None:
        event = {"id": secrets.token_hex(8), "createdAt": self.now()}
        service.events.insert(0, event | {"message": f"(service {service.name}) {text}"})

    def _run(self, service: EcsService) -> None:
        first = sum(len(other.addresses) for other in self.services.values()) + 10
        self._register(service, [f"10.0.2.{first + n}" for n in range(service.desired)])

    def _register(self, service: EcsService, addresses: list[str]) -> None:
        for balancer in service.properties.get("LoadBalancers", []):
            arn, port = balancer["TargetGroupArn"], balancer["ContainerPort"]
            old = [{"Id": address, "Port": port} for address in service.addresses]
            new = [{"Id": address, "Port": port} for address in addresses]
            if arn in self.elbv2.target_groups:
                self.elbv2.deregister_targets({"TargetGroupArn": arn, "Targets": old})
                self.elbv2.register_targets({"TargetGroupArn": arn, "Targets": new})
        service.addresses = addresses

    def _missing_image(self, service: EcsService) -> str:
        task = self.task_definitions[service.deployment.task_definition]
        for container in task["ContainerDefinitions"]:
            image = container["Image"]
            if not self.ecr.has(image):
                return f"tasks failed to start. CannotPullContainerError: {image}: not found"
        return ""

    def _of_service(self, arn: str) -> dict[str, Any]:
        """Return a task of a service, which is no more than its number."""
        [found] = [
            service for service in self.services.values() if last(service.cluster) in arn.split("/")
        ] or [None]
        if found is None:
            return {"taskArn": arn, "lastStatus": "RUNNING"}
        definition = found.deployment.task_definition
        return {
            "taskArn": arn,
            "lastStatus": "RUNNING",
            "taskDefinitionArn": definition,
            "containers": [
                {"name": each["Name"], "imageDigest": self.ecr.digest(each["Image"])}
                for each in self.task_definitions[definition]["ContainerDefinitions"]
            ],
        }

    def _described(self, service: EcsService) -> dict[str, Any]:
        with suppress(ResourceFailed):
            self.go_on(service)
        given, deployment = service.properties, service.deployment
        running = len(service.addresses)
        configuration = given.get("DeploymentConfiguration", {})
        return {
            "serviceArn": service.arn,
            "serviceName": service.name,
            "clusterArn": service.cluster,
            "status": "ACTIVE",
            "desiredCount": service.desired,
            "runningCount": running,
            "pendingCount": 0,
            "taskDefinition": given["TaskDefinition"],
            "createdAt": service.created,
            "events": service.events,
            "networkConfiguration": _lower(given.get("NetworkConfiguration", {})),
            "platformVersion": given.get("PlatformVersion", "LATEST"),
            "deploymentConfiguration": _lower(configuration),
            "deployments": [
                {
                    "id": deployment.id,
                    "status": "PRIMARY",
                    "taskDefinition": deployment.task_definition,
                    "desiredCount": service.desired,
                    "runningCount": running if deployment.state == "COMPLETED" else 0,
                    "pendingCount": 0,
                    "failedTasks": 0,
                    "createdAt": deployment.created,
                    "updatedAt": deployment.updated or deployment.created,
                    "rolloutState": deployment.state,
                }
            ],
        }


def last(arn: str) -> str:
    return arn.rpartition("/")[2]


def _lower(value: Any) -> Any:
    """Return a template's value with the API's names, which begin with a small letter."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _lower(item) for key, item in value.items()}
    return [_lower(item) for item in value] if isinstance(value, list) else value


def _upper(value: Any) -> Any:
    """Return a value of the API with the template's names."""
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: _upper(item) for key, item in value.items()}
    return [_upper(item) for item in value] if isinstance(value, list) else value
