"""The listener's rules in alb/template.yaml: what is read, and what is refused by name."""

import copy
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from portable.errors import PortableError
from portable.manifests.listener_rules import (
    Condition,
    Field,
    FixedResponse,
    Redirect,
    listener_rules,
)
from portable.manifests.system import load
from portable.weights import Weights

GROUPS = {"LambdaTargetGroup": "lambda", "FargateTargetGroup": "fargate"}
PATH = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/stream/*"]}}
FORWARD = {"Type": "forward", "TargetGroupArn": "FargateTargetGroup"}
RULE = {"ListenerArn": "HttpListener", "Priority": 10, "Conditions": [PATH], "Actions": [FORWARD]}


def read(**resources: dict[str, Any]) -> Any:
    return listener_rules("alb/template.yaml", resources, "HttpListener", GROUPS)


def condition(field: str, config: str, *values: Any, **more: str) -> dict[str, Any]:
    return {"Field": field, config: {"Values": list(values), **more}}


def test_all_conditions():
    given = [
        condition("host-header", "HostHeaderConfig", "*.example.com"),
        condition("http-header", "HttpHeaderConfig", "*curl*", HttpHeaderName="User-Agent"),
        condition("http-request-method", "HttpRequestMethodConfig", "GET"),
        condition("query-string", "QueryStringConfig", {"Key": "v", "Value": "2"}),
        condition("source-ip", "SourceIpConfig", "192.0.2.0/24"),
    ]
    (rule,) = read(One=RULE | {"Conditions": given})
    assert rule.conditions == (
        Condition(Field.HOST, ("*.example.com",)),
        Condition(Field.HEADER, ("*curl*",), header="User-Agent"),
        Condition(Field.METHOD, ("GET",)),
        Condition(Field.QUERY, pairs=(("v", "2"),)),
        Condition(Field.SOURCE, networks=(ip_network("192.0.2.0/24"),)),
    )
    (rule,) = read(One=RULE | {"Conditions": [{"Field": "path-pattern", "Values": ["/a"]}]})
    assert rule.conditions == (Condition(Field.PATH, ("/a",)),)


def test_the_first_priority_is_the_first_rule():
    rules = read(A=RULE, B=RULE | {"Priority": "2"}, C=RULE | {"Priority": 50_000})
    assert [rule.name for rule in rules] == ["B", "A", "C"]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (FORWARD, Weights(0, 1)),
        (
            {
                "Type": "forward",
                "ForwardConfig": {
                    "TargetGroups": [
                        {"TargetGroupArn": "LambdaTargetGroup", "Weight": 3},
                        {"TargetGroupArn": "FargateTargetGroup", "Weight": 1},
                    ]
                },
            },
            Weights(3, 1),
        ),
        (
            {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", "Host": "a.b"}},
            Redirect(301, "#{protocol}", "a.b", "#{port}", "/#{path}", "#{query}"),
        ),
        (
            {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}},
            FixedResponse(503, "text/plain", ""),
        ),
    ],
)
def test_actions(action: dict[str, Any], expected: object):
    (rule,) = read(One=RULE | {"Actions": [action]})
    assert rule.action == expected


STICKY = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60}}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"Transforms": [{"Type": "url-rewrite"}]}, "One has Transforms, which the local run"),
        ({"Actions": [{"Type": "authenticate-oidc"}, FORWARD]}, "has 'authenticate-oidc', which"),
        ({"Actions": [{"Type": "jwt-validation"}, FORWARD]}, "has 'jwt-validation', which"),
        ({"Actions": [FORWARD, FORWARD]}, "is '2 actions', expected one"),
        ({"Actions": [FORWARD | {"ForwardConfig": STICKY}]}, "has a stickiness, which"),
        ({"Actions": [FORWARD | {"TargetGroupArn": "Other"}]}, "TargetGroupArn is 'Other'"),
        ({"Actions": [FORWARD | {"Weight": 0}]}, "Weight is 0, expected a positive one"),
        ({"Actions": [{"Type": "redirect"}]}, "StatusCode is None, expected HTTP_301 or HTTP_302"),
        (
            {"Actions": [{"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_302"}}]},
            "RedirectConfig is 'a loop', expected another",
        ),
        (
            {"Actions": [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "302"}}]},
            "StatusCode is '302', expected 2XX, 4XX or 5XX",
        ),
        ({"Conditions": []}, "is '0 values', expected 1 to 5 values"),
        ({"Conditions": [PATH, PATH]}, "is '2 of path-pattern', expected one at most"),
        ({"Conditions": [{"Field": "cookie"}]}, "Field is 'cookie', expected one of path-pattern"),
        (
            {
                "Conditions": [
                    {"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["."]}}
                ]
            },
            "has RegexValues, which the local run",
        ),
        (
            {"Conditions": [condition("source-ip", "SourceIpConfig", "moon")]},
            "source-ip is 'moon', expected an address range",
        ),
        (
            {"Conditions": [condition("http-request-method", "HttpRequestMethodConfig", "get")]},
            "is 'get', expected a name in capitals",
        ),
        (
            {"Conditions": [condition("http-header", "HttpHeaderConfig", "a")]},
            "HttpHeaderName is '', expected the name of a header",
        ),
        ({"Priority": 0}, "Priority is 0, expected 1 to 50000"),
        ({"ListenerArn": "Other"}, "ListenerArn is 'Other', expected HttpListener, which forwards"),
    ],
)
def test_what_is_not_known_is_refused_by_name(change: dict[str, Any], told: str):
    with pytest.raises(PortableError) as error:
        read(One=copy.deepcopy(RULE) | change)
    message = error.value.message
    assert told in message and message.startswith("alb/template.yaml: One") and message[-1] == "."


def test_two_rules_with_one_priority_are_refused():
    with pytest.raises(PortableError, match="A and B have one Priority"):
        read(A=RULE, B=RULE)


def test_the_load_balancer_of_the_repository_has_none(root: Path):
    assert load(root, "test", {}).load_balancer.rules == ()


def test_the_rule_of_the_page_is_read(root: Path, tmp_path: Path):
    page = (root / "cli/docs/parity.md").read_text()
    block = page.partition("  StreamingRule:\n")[2].partition("```")[0]
    rule = yaml.safe_load(block.replace("!Ref ", ""))["Properties"]
    (found,) = listener_rules("x", {"StreamingRule": rule}, rule["ListenerArn"], GROUPS)
    assert found.action == Weights(0, 1)
    assert (root / "alb/template.yaml").read_text().count(f"  {rule['ListenerArn']}:") == 1
