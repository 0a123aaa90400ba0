"""The three manifests as one description of the system: what `portable run` brings up."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portable.errors import PortableError
from portable.manifests import secrets
from portable.manifests.cloudformation import render
from portable.manifests.copilot_manifest import service_manifest, services
from portable.manifests.health_check import HealthCheck
from portable.manifests.listener_rules import Rule, listener_rules
from portable.manifests.reader import Reader, read_yaml
from portable.manifests.samconfig import SAMCONFIG, deploy_parameters
from portable.manifests.task import stop_timeout, writable
from portable.manifests.template import read_template
from portable.weights import Weights

SAM = "template.yaml"
ALB = "alb/template.yaml"
WORKSPACE = "copilot/.workspace"
PLAIN_HTTP = "AllowPlainHttp"


@dataclass(frozen=True)
class Function:
    """The Lambda side, from template.yaml. The timeout is in seconds, the memory in MB.

    `secrets` are those of its variables whose values are references to a secret, `imports` are the
    names of the variables whose values are the exports of another stack.
    """

    logical_id: str
    entry_point: tuple[str, ...]
    handler: str
    environment: dict[str, str]
    secrets: dict[str, str]
    timeout: int
    memory: int
    architecture: str
    imports: frozenset[str] = frozenset()

    @property
    def path(self) -> str:
        """Where its variables are."""
        return f"{SAM}: {self.logical_id}.Properties.Environment.Variables"


@dataclass(frozen=True)
class Service:
    """The Fargate side, from the Copilot manifest at `path` and the patches at `patches`.

    `stop_timeout` is the seconds from SIGTERM to SIGKILL, `writable` are the folders where volumes
    of the task are mounted that it may write to, `imports` are the names of the variables whose
    values are the exports of another stack.
    """

    path: str
    port: int
    command: tuple[str, ...]
    variables: dict[str, str]
    secrets: dict[str, str]
    count: int
    platform: str
    health_command: str
    read_only: bool
    writable: frozenset[str]
    patches: str
    stop_timeout: int
    imports: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TargetGroup:
    """One target group of the listener, from alb/template.yaml.

    `deregistration_delay` is the seconds that a deregistered target has for its requests in
    flight. One of type `lambda` has no such attribute: 0.
    """

    logical_id: str
    target_type: str  # "ip" or "lambda"
    weight: int
    multi_value_headers: bool
    deregistration_delay: int
    check: HealthCheck


@dataclass(frozen=True)
class LoadBalancer:
    """The joining side, from alb/template.yaml. Times are in seconds.

    `task_port` is the port at which it may reach the tasks.
    """

    task_port: int
    idle_timeout: float
    drop_invalid_headers: bool
    groups: tuple[TargetGroup, ...]
    rules: tuple[Rule, ...] = ()

    def group(self, target_type: str) -> TargetGroup:
        """Return the target group of this type; there is exactly one of each."""
        return next(group for group in self.groups if group.target_type == target_type)

    @property
    def weights(self) -> Weights:
        """The weights of both groups."""
        return Weights(self.group("lambda").weight, self.group("ip").weight)


@dataclass(frozen=True)
class System:
    """All three."""

    function: Function
    service: Service
    load_balancer: LoadBalancer

    @property
    def secrets(self) -> frozenset[str]:
        """The names of the secrets of both sides."""
        return frozenset(self.function.secrets.keys() | self.service.secrets.keys())


def load(root: Path, environment: str, weights: dict[str, int]) -> System:
    """Read the manifests below `root` for `environment`.

    `weights` overrides parameters of alb/template.yaml, as in `{"LambdaWeight": 90}`. Raises
    `PortableError` naming file and key for anything missing or refused.
    """
    sam_parameters = deploy_parameters(root / SAMCONFIG, SAM, environment)
    return System(
        _function(render(root / SAM, sam_parameters), read_template(root, SAM)),
        _service(root, environment),
        _load_balancer(render_alb(root, environment, weights)),
    )


def render_alb(root: Path, environment: str, weights: dict[str, int]) -> dict[str, Any]:
    """Return alb/template.yaml with the parameters of `environment`, and with `weights`.

    Whether prod may be plain HTTP is no question where nothing is deployed.
    """
    parameters = deploy_parameters(root / SAMCONFIG, ALB, environment)
    parameters |= {name: str(weight) for name, weight in weights.items()}
    if PLAIN_HTTP in read_template(root, ALB).get("Parameters", {}):
        parameters[PLAIN_HTTP] = "enabled"
    return render(root / ALB, parameters)


def _function(template: dict[str, Any], written: dict[str, Any]) -> Function:
    functions = _resources(template, "AWS::Serverless::Function")
    if len(functions) != 1:
        raise PortableError(f"{SAM} has {len(functions)} AWS::Serverless::Function, expected 1.")
    (logical_id, properties), *_ = functions.items()
    read = Reader(SAM, f"{logical_id}.Properties", properties)
    command = read("ImageConfig", "Command")
    if not isinstance(command, list) or len(command) != 1:
        message = f"{SAM}: {logical_id}.Properties.ImageConfig.Command is {command!r}"
        raise PortableError(f"{message}, expected a list of one handler, 'module.function'.")
    return Function(
        logical_id,
        tuple(read("ImageConfig", "EntryPoint")),
        command[0],
        *secrets.split({k: text(v) for k, v in read("Environment", "Variables").items()}),
        read.integer("Timeout"),
        read.integer("MemorySize"),
        read("Architectures", default=["x86_64"])[0],
        _imports(written["Resources"][logical_id]["Properties"]["Environment"]["Variables"]),
    )


def _service(root: Path, environment: str) -> Service:
    paths = services(root)
    if len(paths) != 1:
        raise PortableError(f"copilot/ has {len(paths)} services (*/manifest.yml), expected 1.")
    [path] = paths
    read = Reader(path, "", service_manifest(root, path, environment))
    # Locally there is no load to scale with: as many tasks as there always are.
    keys = ("count", "range") if isinstance(read("count"), dict) else ("count",)
    if isinstance(read(*keys), dict):
        count = read.integer(*keys, "min")
    else:
        count = read.whole(str(read(*keys)).partition("-")[0], *keys)  # as in "2-10"
    patches = f"{path.rpartition('/')[0]}/overrides/cfn.patches.yml"
    return Service(
        path,
        read.integer("image", "port"),
        tuple(read("command")),
        {k: text(_resolved(root, v, environment)) for k, v in read("variables").items()},
        {
            name: _resolved(root, where, environment)
            for name, where in secrets.of_manifest(path, read("secrets", default=None)).items()
        },
        count,
        read("platform", default="linux/x86_64"),
        " ".join(map(str, read("image", "healthcheck", "command"))),
        read("storage", "readonly_fs", default=False),
        writable(read("storage", "volumes", default=None)),
        patches,
        stop_timeout(root, patches),
        _imports(read("variables")),
    )


def _imports(variables: dict[str, Any]) -> frozenset[str]:
    """Return the names of the variables that import, in the language of either side."""
    return frozenset(
        name
        for name, value in variables.items()
        if isinstance(value, dict) and value.keys() & {"Fn::ImportValue", "from_cfn"}
    )


def text(value: Any) -> str:
    """Return a variable's value as the app gets it: a boolean is lower case in YAML."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _resolved(root: Path, value: Any, environment: str) -> Any:
    """Return a variable with Copilot's own names in it, or the name of the export that it is.

    https://aws.github.io/copilot-cli/docs/developing/manifest-env-var/
    """
    if isinstance(value, dict) and value.keys() == {"from_cfn"}:
        value = value["from_cfn"]
    if not isinstance(value, str) or "${COPILOT_" not in value:
        return value
    application = read_yaml(root, WORKSPACE)["application"]
    value = value.replace("${COPILOT_APPLICATION_NAME}", application)
    return value.replace("${COPILOT_ENVIRONMENT_NAME}", environment)


def _load_balancer(template: dict[str, Any]) -> LoadBalancer:
    balancers = _resources(template, "AWS::ElasticLoadBalancingV2::LoadBalancer")
    attributes: dict[str, str] = {}
    for properties in balancers.values():
        attributes |= _attributes(properties, "LoadBalancerAttributes")
    forwards = {
        name: listener["DefaultActions"][0]["ForwardConfig"]
        for name, listener in _resources(template, "AWS::ElasticLoadBalancingV2::Listener").items()
        if "ForwardConfig" in listener.get("DefaultActions", [{}])[0]
    }
    if len(forwards) != 1:
        raise PortableError(
            f"{ALB} has {len(forwards)} listeners with a ForwardConfig, expected 1."
        )
    (logical_id, forward), *_ = forwards.items()
    groups = _resources(template, "AWS::ElasticLoadBalancingV2::TargetGroup")
    for member in forward["TargetGroups"]:
        if member["TargetGroupArn"] not in groups:  # a Ref is rendered as the logical id
            message = f"{ALB}: {logical_id} forwards to {member['TargetGroupArn']!r}"
            raise PortableError(f"{message}, expected one of {', '.join(groups)}.")
    weights = {
        member["TargetGroupArn"]: int(member["Weight"]) for member in forward["TargetGroups"]
    }
    kinds = {name: groups[name].get("TargetType", "instance") for name in weights}
    if sorted(kinds.values()) != ["ip", "lambda"]:
        found = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
        message = f"{ALB}: {logical_id} forwards to {found}"
        raise PortableError(f"{message}, expected one target group of type ip and one of lambda.")
    parameters = Reader(ALB, "Parameters", template.get("Parameters", {}))
    return LoadBalancer(
        parameters.integer("TaskPort", "Value"),
        float(attributes.get("idle_timeout.timeout_seconds", 60)),
        attributes.get("routing.http.drop_invalid_header_fields.enabled") == "true",
        tuple(_target_group(name, groups[name], weight) for name, weight in weights.items()),
        listener_rules(
            ALB,
            _resources(template, "AWS::ElasticLoadBalancingV2::ListenerRule"),
            logical_id,
            {name: "lambda" if kind == "lambda" else "fargate" for name, kind in kinds.items()},
        ),
    )


def _target_group(logical_id: str, properties: dict[str, Any], weight: int) -> TargetGroup:
    read = Reader(ALB, f"{logical_id}.Properties", properties)
    target_type = read("TargetType", default="instance")
    is_lambda = target_type == "lambda"
    # The defaults differ by type:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    check = HealthCheck(
        enabled=not is_lambda or str(read("HealthCheckEnabled", default=False)).lower() == "true",
        path=read("HealthCheckPath", default="/"),
        interval=read.integer("HealthCheckIntervalSeconds", default=35 if is_lambda else 30),
        timeout=read.integer("HealthCheckTimeoutSeconds", default=30 if is_lambda else 5),
        healthy_threshold=read.integer("HealthyThresholdCount", default=5),
        unhealthy_threshold=read.integer("UnhealthyThresholdCount", default=2),
        matcher=str(read("Matcher", default={}).get("HttpCode", "200")),
    )
    attributes = _attributes(properties, "TargetGroupAttributes")
    delay = "deregistration_delay.timeout_seconds"
    return TargetGroup(
        logical_id,
        target_type,
        weight,
        attributes.get("lambda.multi_value_headers.enabled") == "true",
        0 if is_lambda else read.whole(attributes.get(delay, 300), delay),
        check,
    )


def _resources(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource.get("Properties", {})
        for name, resource in template.get("Resources", {}).items()
        if resource.get("Type") == kind
    }


def _attributes(properties: dict[str, Any], name: str) -> dict[str, str]:
    return {item["Key"]: str(item["Value"]).lower() for item in properties.get(name, [])}
