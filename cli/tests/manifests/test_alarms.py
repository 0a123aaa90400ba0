"""alb/alarms.yaml, rendered offline as CloudFormation would."""

import json
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cfn_tools import load_yaml
from cfnlint import lint_file
from cfnlint.config import ManualArgs
from cloud_radar.cf.unit import Template
from samcli.yamlhelper import yaml_dump, yaml_parse

from portable.local.operate.expressions import evaluate

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "alb/alarms.yaml"
TOPIC = "arn:aws:sns:us-east-1:123456789012:pages"
ACCOUNT = Template.AccountId
EXPORTS = {
    "LoadBalancerFullName": "app/balancer/1",
    "LambdaTargetGroupFullName": "targetgroup/lambda/2",
    "FargateTargetGroupFullName": "targetgroup/fargate/3",
    "FunctionAlias": "arn:aws:lambda:us-east-1:123456789012:function:api-function:live",
    "ClusterId": "cluster",
}
LEAVES = {
    "lambda": ["lambda-errors", "lambda-latency", "lambda-throttles", "lambda-unhealthy"],
    "fargate": ["fargate-errors", "fargate-latency", "fargate-unhealthy"],
}
GROUP = {"LoadBalancer", "TargetGroup"}

# Which metrics there are for which side, and by which sets of dimensions. CloudWatch knows no
# other combination, and an alarm on one stays without data for ever.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
BOTH: dict[str, list[set[str]]] = {
    "RequestCount": [GROUP],
    "HTTPCode_Target_5XX_Count": [GROUP],
    "TargetResponseTime": [GROUP],
    "HealthyHostCount": [GROUP],
    "UnHealthyHostCount": [GROUP],
}
EXISTING: dict[str, dict[str, list[set[str]]]] = {
    "targetgroup/lambda/2": {
        **BOTH,
        "LambdaUserError": [GROUP, {"TargetGroup"}],
        "LambdaInternalError": [{"TargetGroup"}],
    },
    "targetgroup/fargate/3": {**BOTH, "TargetConnectionErrorCount": [GROUP]},
    "AWS/ApplicationELB": {
        "HTTPCode_ELB_5XX_Count": [{"LoadBalancer"}],
        "HTTPCode_ELB_502_Count": [{"LoadBalancer"}],
        "HTTPCode_ELB_503_Count": [{"LoadBalancer"}],
        "HTTPCode_ELB_504_Count": [{"LoadBalancer"}],
    },
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    "AWS/Lambda": {
        "ConcurrentExecutions": [{"FunctionName"}],
        "Errors": [{"FunctionName"}, {"FunctionName", "Resource"}],
        "Throttles": [{"FunctionName"}, {"FunctionName", "Resource"}],
    },
    # What template.yaml makes of the function's log: test_sam.py.
    "portable-api-test": {"LambdaTooLarge": [set()]},
}
DIMENSIONS = {
    "LoadBalancer": "app/balancer/1",
    "FunctionName": "api-function",
    "Resource": "api-function:live",
}


def imports(environment: str = "test") -> dict[str, str]:
    return {f"portable-api-{environment}-{name}": value for name, value in EXPORTS.items()}


@cache
def render(environment: str = "test", **parameters: str) -> dict[str, Any]:
    """Return the template with its functions resolved, or raise ValueError for a bad parameter."""
    rendered = Template.from_yaml(TEMPLATE, imports(environment)).render(
        {"EnvName": environment, **parameters}, region="us-east-1"
    )
    result: dict[str, Any] = without_no_value(rendered)
    return result


def without_no_value(value: Any) -> Any:
    """Drop the list items that are AWS::NoValue, which cloud-radar leaves there as ''."""
    if isinstance(value, dict):
        return {key: without_no_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_no_value(item) for item in value if item != Template.NoValue]
    return value


def resources(kind: str, **parameters: str) -> dict[str, dict[str, Any]]:
    found = render(**parameters)["Resources"].items()
    return {name: item["Properties"] for name, item in found if item["Type"] == kind}


def alarms(**parameters: str) -> dict[str, dict[str, Any]]:
    """Return the alarms on metrics of a side by their name without application and environment."""
    found = resources("AWS::CloudWatch::Alarm", **parameters).values()
    named = {alarm["AlarmName"].removeprefix("portable-api-test-"): alarm for alarm in found}
    return {name: alarm for name, alarm in named.items() if name != "failover"}


def metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the metrics that an alarm watches, each with its Stat and Period."""
    if "Metrics" not in alarm:
        keys = ("Namespace", "MetricName", "Dimensions", "Period")
        return [{**{key: alarm[key] for key in keys}, "Stat": alarm["Statistic"]}]
    found = [item["MetricStat"] for item in alarm["Metrics"] if "MetricStat" in item]
    return [{**item["Metric"], "Period": item["Period"], "Stat": item["Stat"]} for item in found]


def assert_exists(namespace: str, name: str, dimensions: dict[str, str]) -> None:
    group = dimensions.get("TargetGroup")
    assert set(dimensions) in EXISTING[group or namespace][name], (name, dimensions)
    assert {**DIMENSIONS, **dimensions} == {**dimensions, **DIMENSIONS}


def value(alarm: dict[str, Any], **given: float) -> float | None:
    """Return what an alarm compares with its threshold where the metrics have these values.

    None where there is no data point. The one metric of an alarm without an expression is `metric`.
    """
    if "Metrics" not in alarm:
        return given.get("metric")
    (expression,) = [item["Expression"] for item in alarm["Metrics"] if "Expression" in item]
    known = {item["Id"]: given.get(item["Id"]) for item in alarm["Metrics"] if "MetricStat" in item}
    assert given.keys() <= known.keys()
    return evaluate(expression, known)


def breaches(alarm: dict[str, Any], **given: float) -> bool:
    found, threshold = value(alarm, **given), float(alarm["Threshold"])
    if found is None:
        return bool(alarm["TreatMissingData"] == "breaching")
    return {
        "GreaterThanThreshold": found > threshold,
        "GreaterThanOrEqualToThreshold": found >= threshold,
        "LessThanThreshold": found < threshold,
    }[alarm["ComparisonOperator"]]


def test_cfn_lint_finds_nothing() -> None:
    assert lint_file(TEMPLATE, ManualArgs(include_checks=["I"])) == []


def test_deploys_without_a_bucket_for_the_template() -> None:
    sent = yaml_dump(yaml_parse(TEMPLATE.read_text()))  # what `sam deploy` makes of it
    assert max(len(sent.encode()), TEMPLATE.stat().st_size) < 51_200


def test_alarms_of_both_sides() -> None:
    assert sorted(alarms()) == sorted(LEAVES["lambda"] + LEAVES["fargate"])


@pytest.mark.parametrize("failover", ["disabled", "enabled"])
def test_every_metric_exists_for_its_side_with_these_dimensions(failover: str) -> None:
    for name, alarm in alarms(Failover=failover).items():
        for metric in metrics(alarm):
            dimensions = {item["Name"]: item["Value"] for item in metric.get("Dimensions", ())}
            assert_exists(metric["Namespace"], metric["MetricName"], dimensions)
            side = name.partition("-")[0]
            assert side in dimensions.get("TargetGroup", "lambda")


@pytest.mark.parametrize("failover", ["disabled", "enabled"])
def test_statistics_are_those_that_the_metrics_have(failover: str) -> None:
    for alarm in alarms(Failover=failover).values():
        for metric in metrics(alarm):
            name = metric["MetricName"]
            expected = "p95" if name == "TargetResponseTime" else "Sum"
            # Every node of the load balancer has to see an unhealthy target, or no healthy one.
            expected = {"UnHealthyHostCount": "Minimum", "HealthyHostCount": "Maximum"}.get(
                name, expected
            )
            assert metric["Stat"] == expected
            assert metric["Period"] == 60


@pytest.mark.parametrize("failover", ["disabled", "enabled"])
def test_expressions_use_every_metric_and_little_of_the_language(failover: str) -> None:
    for name, alarm in alarms(Failover=failover).items():
        if "Metrics" not in alarm:
            continue
        first, *rest = alarm["Metrics"]
        assert [item["Id"] for item in alarm["Metrics"] if item["ReturnData"]] == [first["Id"]]
        words = set(re.findall(r"[A-Za-z_]\w*", first["Expression"]))
        assert words - {"IF", "FILL"} == {item["Id"] for item in rest}, name
        assert re.fullmatch(r"[\w\s(),+*/>=-]+", first["Expression"])
        for divisor in re.findall(r"/ (\w+)", first["Expression"]):
            assert divisor == "requests", "what is filled is no divisor"
        assert "\n" not in first["Expression"]


@pytest.mark.parametrize("failover", ["disabled", "enabled"])
def test_one_bad_minute_is_no_alarm(failover: str) -> None:
    for name, alarm in alarms(Failover=failover).items():
        expected = (3, 4) if "-down-" in name else (2, 3)
        assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == expected


def test_missing_data_is_an_alarm_only_where_it_means_that_no_task_is_registered() -> None:
    found = {name: alarm["TreatMissingData"] for name, alarm in alarms(Failover="enabled").items()}
    breaching = [name for name, treatment in found.items() if treatment == "breaching"]
    assert sorted(breaching) == ["fargate-down-targets", "fargate-unhealthy"]
    assert set(found.values()) == {"breaching", "notBreaching"}


@pytest.mark.parametrize("name", ["errors", "latency", "down-errors"])
@pytest.mark.parametrize("side", ["lambda", "fargate"])
def test_minute_whose_requests_are_late_is_no_data_point(side: str, name: str) -> None:
    """Filled with zeros, the two newest of three minutes would say that all is well."""
    alarm = alarms(Failover="enabled")[f"{side}-{name}"]
    assert value(alarm) is None
    assert value(alarm, **({"latency": 9} if name == "latency" else {"target_5xx": 99})) is None
    assert alarm["TreatMissingData"] == "notBreaching", "and no requests at all are no alarm"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, False),
        ({"requests": 100}, False),
        ({"requests": 100, "target_5xx": 5}, False),
        ({"requests": 100, "target_5xx": 6}, True),
        ({"requests": 20, "target_5xx": 1}, False),
        ({"requests": 20, "target_5xx": 2}, True),
        ({"requests": 19, "target_5xx": 19}, False),
        ({"requests": 2, "target_5xx": 1}, False),
        ({"target_5xx": 3}, False),
    ],
)
@pytest.mark.parametrize("side", ["lambda", "fargate"])
def test_errors_are_a_share_of_enough_requests(
    side: str, given: dict[str, float], expected: bool
) -> None:
    assert breaches(alarms()[f"{side}-errors"], **given) is expected


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("lambda", "target_5xx"),
        ("lambda", "user_errors"),
        ("lambda", "internal_errors"),
        ("fargate", "target_5xx"),
        ("fargate", "connection_errors"),
    ],
)
@pytest.mark.parametrize("kind", ["errors", "down-errors"])
def test_every_way_to_fail_counts(name: str, metric: str, kind: str) -> None:
    alarm = alarms(Failover="enabled")[f"{name}-{kind}"]
    assert breaches(alarm, requests=100, **{metric: 50})
    assert not breaches(alarm, requests=100)


@pytest.mark.parametrize("side", ["lambda", "fargate"])
def test_latency_counts_with_enough_requests(side: str) -> None:
    alarm = alarms()[f"{side}-latency"]
    assert breaches(alarm, requests=20, latency=1.1)
    assert not breaches(alarm, requests=20, latency=1)
    assert not breaches(alarm, requests=19, latency=9)
    assert not breaches(alarm)


def test_parameters_set_the_thresholds() -> None:
    parameters = {"MaxErrorPercent": "10", "MaxLatencyMilliseconds": "500", "MinRequests": "3"}
    found = alarms(**parameters)
    for side in ("lambda", "fargate"):
        assert not breaches(found[f"{side}-errors"], requests=10, target_5xx=1)
        assert breaches(found[f"{side}-errors"], requests=9, target_5xx=1)
        assert breaches(found[f"{side}-latency"], requests=3, latency=0.6)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"healthy": 2, "unhealthy": 0}, False),
        ({"healthy": 1, "unhealthy": 1}, True),
        ({"healthy": 0, "unhealthy": 2}, True),
        ({"healthy": 0, "unhealthy": 0}, True),
    ],
)
def test_fargate_is_unhealthy_with_an_unhealthy_task_and_without_any(
    given: dict[str, float], expected: bool
) -> None:
    assert breaches(alarms()["fargate-unhealthy"], **given) is expected


@pytest.mark.parametrize("name", ["lambda-unhealthy", "lambda-throttles"])
def test_first_unhealthy_target_and_first_throttled_invocation_count(name: str) -> None:
    alarm = alarms()[name]
    assert alarm["Threshold"] == 1
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("lambda-down-errors", {}, False),
        ("lambda-down-errors", {"requests": 100, "user_errors": 50}, True),
        ("lambda-down-errors", {"requests": 100, "user_errors": 49}, False),
        ("lambda-down-errors", {"requests": 2, "user_errors": 2}, False),
        ("lambda-down-errors", {"requests": 100, "target_5xx": 90, "too_large": 41}, False),
        ("lambda-down-errors", {"requests": 100, "target_5xx": 90, "too_large": 40}, True),
        ("lambda-down-targets", {}, False),
        ("lambda-down-targets", {"metric": 0}, False),
        ("lambda-down-targets", {"metric": 1}, True),
        ("fargate-down-errors", {}, False),
        ("fargate-down-errors", {"requests": 100, "target_5xx": 50}, True),
        ("fargate-down-errors", {"requests": 100, "target_5xx": 49}, False),
        ("fargate-down-errors", {"requests": 2, "target_5xx": 2}, False),
        ("fargate-down-targets", {}, True),
        ("fargate-down-targets", {"metric": 0}, True),
        ("fargate-down-targets", {"metric": 1}, False),
    ],
)
def test_side_is_down_without_a_healthy_target_or_with_half_of_the_requests_failed(
    name: str, given: dict[str, float], expected: bool
) -> None:
    assert breaches(alarms(Failover="enabled")[name], **given) is expected


def test_failover_that_fails_is_heard() -> None:
    found = resources("AWS::CloudWatch::Alarm", Failover="enabled", TopicArn=TOPIC)
    alarm = found["FailoverFailed"]
    assert breaches(alarm, errors=1) and breaches(alarm, throttles=1)
    assert not breaches(alarm) and not breaches(alarm, errors=0, throttles=0)
    assert alarm["AlarmActions"] == [TOPIC]
    for metric in metrics(alarm):
        assert metric["Dimensions"] == [{"Name": "FunctionName", "Value": "FailoverFunction"}]
        assert {"FunctionName"} in EXISTING["AWS/Lambda"][metric["MetricName"]]


def test_side_has_one_alarm_of_all_its_alarms() -> None:
    metric_alarms = resources("AWS::CloudWatch::Alarm", Failover="enabled")
    composites = resources("AWS::CloudWatch::CompositeAlarm", Failover="enabled").values()
    found = {}
    for composite in composites:
        names = re.findall(r'ALARM\("(\w+)"\)', composite["AlarmRule"])  # a Ref is rendered as
        assert composite["AlarmRule"] == " OR ".join(f'ALARM("{name}")' for name in names)
        found[composite["AlarmName"]] = sorted(metric_alarms[n]["AlarmName"] for n in names)
    assert found == {
        f"portable-api-test-{side}": [f"portable-api-test-{leaf}" for leaf in leaves]
        for side, leaves in LEAVES.items()
    }


def test_rollback_triggers_are_at_most_five() -> None:
    outputs = render()["Outputs"]
    triggers = [name for name in outputs if name.endswith("Alarm")]
    assert sorted(triggers) == sorted(resources("AWS::CloudWatch::CompositeAlarm"))
    assert 0 < len(triggers) <= 5


@pytest.mark.parametrize("failover", ["disabled", "enabled"])
def test_every_alarm_says_what_to_do(failover: str) -> None:
    found = render(Failover=failover)["Resources"].values()
    texts = [
        item["Properties"]["AlarmDescription"] for item in found if "Alarm" in item["Type"][-14:]
    ]
    assert len(texts) == (14 if failover == "enabled" else 9)
    for text in texts:
        assert text.endswith(".") and "\n" not in text and "${" not in text
        assert 40 < len(text) < 200


def test_names_fit_for_the_longest_accepted_application() -> None:
    for name in alarms(Failover="enabled"):
        assert len(f"{'a' * 14}-production-{name}") <= 255


@pytest.mark.parametrize("failover", ["disabled", "enabled"])
def test_topic_is_told_by_the_alarms_of_a_side_and_by_the_failover(failover: str) -> None:
    found = render(Failover=failover, TopicArn=TOPIC)["Resources"].values()
    telling = {
        item["Properties"]["AlarmName"].removeprefix("portable-api-test-")
        for item in found
        if TOPIC in item["Properties"].get("AlarmActions", [])
        and item["Properties"].get("OKActions") == [TOPIC]
    }
    down = {f"{side}-down-{question}" for side in LEAVES for question in ("errors", "targets")}
    assert telling == {"lambda", "fargate"} | (
        down | {"failover"} if failover == "enabled" else set()
    )


@pytest.mark.parametrize("failover", ["disabled", "enabled"])
def test_without_a_topic_nobody_is_told(failover: str) -> None:
    rendered = render(Failover=failover)
    assert "sns" not in json.dumps(rendered["Resources"])
    for name, alarm in alarms(Failover=failover).items():
        assert alarm.get("OKActions") is None
        expected = ["FailoverFunction.Arn"] if "-down-" in name else None
        assert alarm.get("AlarmActions") == expected


def test_without_failover_there_is_no_function_no_role_and_no_alarm_for_it() -> None:
    rendered = render()
    kinds = {item["Type"] for item in rendered["Resources"].values()}
    assert kinds == {
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::CompositeAlarm",
        "AWS::CloudWatch::Dashboard",
    }
    assert "FailoverLogGroup" not in rendered["Outputs"]
    assert "Down" not in json.dumps(rendered["Resources"])


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("EnvName", "Staging"),
        ("EnvName", "a-long-name"),
        ("AppName", "Portable"),
        ("AppName", "portable-api-xy"),
        ("MaxErrorPercent", "101"),
        ("MaxErrorPercent", "-1"),
        ("MaxLatencyMilliseconds", "60001"),
        ("MinRequests", "0"),
        ("TopicArn", "pages"),
        ("TopicArn", TOPIC.replace("sns", "sqs")),
        ("Failover", "yes"),
        ("FailoverConcurrency", "11"),
    ],
)
def test_refuses(name: str, bad: str) -> None:
    with pytest.raises(ValueError, match=name):
        Template.from_yaml(TEMPLATE, imports()).render({"EnvName": "test", name: bad})


@pytest.mark.parametrize(
    ("config_env", "environment"), [("alarms-test", "test"), ("alarms-prod", "prod")]
)
def test_accepts_what_samconfig_sets(config_env: str, environment: str) -> None:
    samconfig = tomllib.loads((ROOT / "samconfig.toml").read_text())
    overrides = samconfig[config_env]["deploy"]["parameters"]["parameter_overrides"]
    assert overrides.pop("EnvName") == environment
    render(environment, **{name: str(given) for name, given in overrides.items()})


def test_imports_only_what_other_stacks_export() -> None:
    app = load_yaml((ROOT / "alb/template.yaml").read_text())["Outputs"].values()
    sam = load_yaml((ROOT / "template.yaml").read_text())["Outputs"].values()
    exported = {item["Export"]["Name"]["Fn::Sub"] for item in (*app, *sam) if "Export" in item}
    exported.add("${AppName}-${EnvName}-ClusterId")  # the Copilot environment's
    used = set(re.findall(r"'(\$\{AppName\}-\$\{EnvName\}-\w+)'", TEMPLATE.read_text()))
    assert used == {f"${{AppName}}-${{EnvName}}-{name}" for name in EXPORTS}
    assert used <= exported


def widgets(failover: str = "disabled") -> list[dict[str, Any]]:
    (dashboard,) = resources("AWS::CloudWatch::Dashboard", Failover=failover).values()
    found: list[dict[str, Any]] = json.loads(dashboard["DashboardBody"])["widgets"]
    return found


@pytest.mark.parametrize("failover", ["disabled", "enabled"])
def test_dashboard_shows_every_alarm(failover: str) -> None:
    (shown,) = [w["properties"]["alarms"] for w in widgets(failover) if w["type"] == "alarm"]
    found = render(Failover=failover)["Resources"].items()
    expected = [
        name for name, item in found if item["Type"].endswith(("::Alarm", "CompositeAlarm"))
    ]
    assert sorted(shown) == sorted(f"{name}.Arn" for name in expected)  # a GetAtt is rendered so


def test_every_metric_of_the_dashboard_exists_with_its_dimensions() -> None:
    shown = set()
    for widget in widgets():
        for row in widget["properties"].get("metrics", []):
            if isinstance(row[0], dict):
                continue
            namespace, name, *pairs = row
            dimensions = dict(zip(pairs[0:-1:2], pairs[1:-1:2], strict=True))
            assert_exists(namespace, name, dimensions)
            shown.add(name)
    assert shown >= {name for alarm in alarms().values() for name in named(alarm)}


def named(alarm: dict[str, Any]) -> list[str]:
    return [metric["MetricName"] for metric in metrics(alarm)]


def test_expressions_of_the_dashboard_use_the_metrics_beside_them() -> None:
    searched = []
    for widget in widgets():
        rows = widget["properties"].get("metrics", [])
        ids = {row[-1]["id"] for row in rows if "id" in row[-1]}
        expressions = [row[0]["expression"] for row in rows if isinstance(row[0], dict)]
        searched += [text for text in expressions if text.startswith("SEARCH")]
        words = {
            word
            for text in expressions
            if not text.startswith("SEARCH")
            for word in re.findall(r"[a-z_]\w*", text)
        }
        assert words == ids, widget["properties"]["title"]
    assert searched == [
        "SEARCH('{AWS/ECS,ClusterName,ServiceName} "
        f"""ClusterName="cluster" MetricName="{name}"', 'Average', 60)"""
        for name in ("CPUUtilization", "MemoryUtilization")
    ]


def test_widgets_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for widget in widgets():
        x, y, width, height = (widget[key] for key in ("x", "y", "width", "height"))
        assert x + width <= 24
        cells = {(x + dx, y + dy) for dx in range(width) for dy in range(height)}
        assert not cells & taken
        taken |= cells


def test_outputs_where_the_dashboard_is() -> None:
    url = render()["Outputs"]["DashboardUrl"]["Value"]
    assert url.startswith(
        "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#"
    )
    assert url.endswith("/Dashboard")  # a Ref, which is the name
