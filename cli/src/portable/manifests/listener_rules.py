"""The rules of the listener, from alb/template.yaml.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-listenerrule.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, NoReturn

from portable.errors import PortableError
from portable.manifests.reader import Reader
from portable.weights import Weights

MOST_PRIORITY = 50_000
MOST_VALUES = 5  # of all conditions of a rule
CONTENT_TYPES = (
    *("text/plain", "text/css", "text/html"),
    *("application/javascript", "application/json"),
)


class Field(Enum):
    """What a condition looks at; the value is its name in a template."""

    PATH = "path-pattern"
    HOST = "host-header"
    HEADER = "http-header"
    METHOD = "http-request-method"
    QUERY = "query-string"
    SOURCE = "source-ip"


CONFIGS = {
    Field.PATH: "PathPatternConfig",
    Field.HOST: "HostHeaderConfig",
    Field.HEADER: "HttpHeaderConfig",
    Field.METHOD: "HttpRequestMethodConfig",
    Field.QUERY: "QueryStringConfig",
    Field.SOURCE: "SourceIpConfig",
}


@dataclass(frozen=True)
class Condition:
    """One condition: it holds where one of `values` does.

    `header` is the name that a condition on a header has. `pairs` are keys (None: any) and values
    of a condition on the query, `networks` those of one on the source.
    """

    field: Field
    values: tuple[str, ...] = ()
    header: str = ""
    pairs: tuple[tuple[str | None, str], ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()


@dataclass(frozen=True)
class Redirect:
    """The parts of the location, in which `#{host}` and the like stand for the request's own."""

    status: int
    protocol: str
    host: str
    port: str
    path: str
    query: str


@dataclass(frozen=True)
class FixedResponse:
    """An answer of the load balancer's own."""

    status: int
    content_type: str
    body: str


@dataclass(frozen=True)
class Rule:
    """One rule; `action` for the weights is a forward to both target groups."""

    name: str
    priority: int
    conditions: tuple[Condition, ...]
    action: Weights | Redirect | FixedResponse


def listener_rules(
    path: str, resources: Mapping[str, dict[str, Any]], listener: str, groups: Mapping[str, str]
) -> tuple[Rule, ...]:
    """Return the rules in `resources` (rendered properties by logical id), first priority first.

    `listener` is the logical id of the listener that forwards, `groups` are the sides of its
    target groups by logical id. Raises `PortableError`, naming `path`, rule and key, for what the
    load balancer refuses and for what is not known here.
    """
    rules: dict[int, Rule] = {}
    for name, properties in resources.items():
        read = Reader(path, f"{name}.Properties", properties)
        if read("ListenerArn") != listener:
            _refuse(read, "ListenerArn", read("ListenerArn"), f"{listener}, which forwards")
        if "Transforms" in properties:
            raise PortableError(f"{path}: {name} has Transforms, which the local run cannot do.")
        priority = read.integer("Priority")
        if not 1 <= priority <= MOST_PRIORITY:
            _refuse(read, "Priority", priority, f"1 to {MOST_PRIORITY}")
        if priority in rules:
            raise PortableError(f"{path}: {rules[priority].name} and {name} have one Priority.")
        conditions = tuple(_condition(read, given) for given in read("Conditions"))
        values = sum(len(item.values) + len(item.pairs) + len(item.networks) for item in conditions)
        if not 1 <= values <= MOST_VALUES:
            _refuse(read, "Conditions", f"{values} values", f"1 to {MOST_VALUES} values")
        _once(read, conditions)
        rules[priority] = Rule(name, priority, conditions, _action(read, groups))
    return tuple(rules[priority] for priority in sorted(rules))


def _condition(read: Reader, given: Mapping[str, Any]) -> Condition:
    names = [field.value for field in Field]
    if given.get("Field") not in names:
        _refuse(read, "Conditions: Field", given.get("Field"), f"one of {', '.join(names)}")
    field = Field(given["Field"])
    config = given.get(CONFIGS[field], {})
    if "RegexValues" in given or "RegexValues" in config:
        message = f"{read.path}: {read.place}.Conditions has RegexValues"
        raise PortableError(f"{message}, which the local run cannot match.")
    values = config.get("Values", given.get("Values", []))
    if not isinstance(values, list) or not values:
        _refuse(read, f"Conditions: {field.value}", values, "a list of Values")
    if field is Field.QUERY:
        pairs = tuple((item.get("Key"), str(item.get("Value", ""))) for item in values)
        return Condition(field, pairs=pairs)
    if field is Field.SOURCE:
        return Condition(field, networks=tuple(_network(read, item) for item in values))
    if field is Field.METHOD:
        for method in values:
            if not re.fullmatch("[A-Z_-]{1,40}", str(method)):
                _refuse(read, "Conditions: http-request-method", method, "a name in capitals")
    header = str(config.get("HttpHeaderName", ""))
    if field is Field.HEADER and not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}", header):
        _refuse(read, "Conditions: HttpHeaderName", header, "the name of a header")
    return Condition(field, tuple(map(str, values)), header)


def _network(read: Reader, text: Any) -> IPv4Network | IPv6Network:
    try:
        return ip_network(str(text))
    except ValueError:
        _refuse(read, "Conditions: source-ip", text, "an address range, as in '192.0.2.0/24'")


def _once(read: Reader, conditions: tuple[Condition, ...]) -> None:
    """Refuse a second condition of a kind that a rule has once."""
    found = [item.field for item in conditions]
    for field in set(found) - {Field.HEADER, Field.QUERY}:
        if found.count(field) > 1:
            _refuse(read, "Conditions", f"{found.count(field)} of {field.value}", "one at most")


def _action(read: Reader, groups: Mapping[str, str]) -> Weights | Redirect | FixedResponse:
    actions = read("Actions")
    kinds = [action.get("Type") for action in actions]
    for kind in kinds:
        if kind not in ("forward", "redirect", "fixed-response"):
            message = f"{read.path}: {read.place}.Actions has {kind!r}"
            raise PortableError(
                f"{message}, which the local run cannot do: it knows forward, redirect and "
                "fixed-response."
            )
    if len(actions) != 1:
        _refuse(read, "Actions", f"{len(actions)} actions", "one")
    (action,) = actions
    if action["Type"] == "redirect":
        return _redirect(read, action.get("RedirectConfig", {}))
    if action["Type"] == "fixed-response":
        return _fixed(read, action.get("FixedResponseConfig", {}))
    config = action.get("ForwardConfig", {})
    if str(config.get("TargetGroupStickinessConfig", {}).get("Enabled", "")).lower() == "true":
        message = f"{read.path}: {read.place}.Actions has a stickiness"
        raise PortableError(f"{message}, which the local run cannot do.")
    return _weights(read, config.get("TargetGroups") or [action], groups)


def _weights(read: Reader, members: list[dict[str, Any]], groups: Mapping[str, str]) -> Weights:
    weights = dict.fromkeys(groups.values(), 0)
    for member in members:
        group = str(member.get("TargetGroupArn"))
        if group not in groups:
            _refuse(read, "Actions: TargetGroupArn", group, f"one of {', '.join(groups)}")
        weights[groups[group]] = read.whole(member.get("Weight", 1), "Actions: Weight")
    if not any(weights.values()):
        _refuse(read, "Actions: Weight", 0, "a positive one")
    return Weights(weights["lambda"], weights["fargate"])


def _redirect(read: Reader, config: Mapping[str, Any]) -> Redirect:
    statuses = {"HTTP_301": 301, "HTTP_302": 302}
    if config.get("StatusCode") not in statuses:
        _refuse(read, "Actions: StatusCode", config.get("StatusCode"), " or ".join(statuses))
    redirect = Redirect(
        statuses[config["StatusCode"]],
        str(config.get("Protocol", "#{protocol}")),
        str(config.get("Host", "#{host}")),
        str(config.get("Port", "#{port}")),
        str(config.get("Path", "/#{path}")),
        str(config.get("Query", "#{query}")),
    )
    kept = ("#{protocol}", "#{host}", "#{port}", "/#{path}")
    if (redirect.protocol, redirect.host, redirect.port, redirect.path) == kept:
        _refuse(read, "Actions: RedirectConfig", "a loop", "another protocol, host, port or path")
    return redirect


def _fixed(read: Reader, config: Mapping[str, Any]) -> FixedResponse:
    status, body = str(config.get("StatusCode", "")), str(config.get("MessageBody", ""))
    if not re.fullmatch("[245][0-9]{2}", status):
        _refuse(read, "Actions: StatusCode", status, "2XX, 4XX or 5XX")
    kind = config.get("ContentType", "text/plain")
    if kind not in CONTENT_TYPES:
        _refuse(read, "Actions: ContentType", kind, f"one of {', '.join(CONTENT_TYPES)}")
    if len(body) > 1024:
        _refuse(read, "Actions: MessageBody", f"{len(body)} characters", "1024 at most")
    return FixedResponse(int(status), kind, body)


def _refuse(read: Reader, key: str, found: object, expected: str) -> NoReturn:
    raise PortableError(f"{read.path}: {read.place}.{key} is {found!r}, expected {expected}.")
