"""The services that act, as stacks make and change what they have, asked by boto3."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.aws.server import Account, aws

GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
FORWARD = {"Type": "forward", "TargetGroupArn": {"Ref": "Group"}}
BALANCER = {
    "Balancer": {
        "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "Properties": {"Subnets": ["subnet-1", "subnet-2"]},
    },
    "Group": {
        "Type": GROUP,
        "Properties": {"Protocol": "HTTP", "Port": 8080, "VpcId": "vpc-1", "TargetType": "ip"},
    },
    "Listener": {
        "Type": "AWS::ElasticLoadBalancingV2::Listener",
        "Properties": {
            "LoadBalancerArn": {"Ref": "Balancer"},
            "Port": 80,
            "Protocol": "HTTP",
            "DefaultActions": [FORWARD],
        },
    },
}
TASKS = {
    "Cluster": {"Type": "AWS::ECS::Cluster"},
    "Task": {
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {
            "Family": "api",
            "ContainerDefinitions": [{"Name": "api", "Image": "elsewhere/api:1"}],
        },
    },
    "Service": {
        "Type": "AWS::ECS::Service",
        "DependsOn": "Listener",
        "Properties": {
            "Cluster": {"Ref": "Cluster"},
            "TaskDefinition": {"Ref": "Task"},
            "DesiredCount": 2,
            "DeploymentConfiguration": {
                "Alarms": {"AlarmNames": ["errors"], "Enable": True, "Rollback": True}
            },
            "LoadBalancers": [
                {
                    "ContainerName": "api",
                    "ContainerPort": 8080,
                    "TargetGroupArn": {"Ref": "Group"},
                }
            ],
        },
    },
}
ALARM = {
    "Type": "AWS::CloudWatch::Alarm",
    "Properties": {
        "AlarmName": "errors",
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "MetricName": "Errors",
        "Namespace": "App",
        "Period": 60,
        "Statistic": "Sum",
        "Threshold": 1,
        "TreatMissingData": "notBreaching",
    },
}


class Deployed:
    """An account, the time of which a test moves, and stacks in it."""

    def __init__(self, account: Account, time: list[float]) -> None:
        self.account, self.time = account, time
        self.cloudformation = account.client("cloudformation")

    def create(self, resources: dict[str, Any], name: str = "app", **options: Any) -> str:
        """Make a stack and return its status."""
        body = json.dumps({"Resources": resources})
        self.cloudformation.create_stack(StackName=name, TemplateBody=body, **options)
        return self.status(name)

    def update(self, resources: dict[str, Any], name: str = "app", wait: float = 1000) -> str:
        body = json.dumps({"Resources": resources})
        self.cloudformation.update_stack(StackName=name, TemplateBody=body)
        return self.status(name, wait)

    def delete(self, name: str = "app") -> None:
        self.cloudformation.delete_stack(StackName=name)
        self.time[0] += 1000

    def status(self, name: str = "app", wait: float = 1000) -> str:
        self.time[0] += wait
        [stack] = self.cloudformation.describe_stacks(StackName=name)["Stacks"]
        return str(stack["StackStatus"])

    def reasons(self, name: str = "app") -> str:
        events = self.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        return "\n".join(event.get("ResourceStatusReason", "") for event in events)

    def id(self, resource: str, name: str = "app") -> str:
        found = self.cloudformation.describe_stack_resource(
            StackName=name, LogicalResourceId=resource
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])


@pytest.fixture
def deployed() -> Iterator[Deployed]:
    time = [0.0]
    with aws(clock=lambda: time[0], images=False) as account:
        yield Deployed(account, time)


def test_a_listener_and_its_weights(deployed: Deployed) -> None:
    other = BALANCER["Group"] | {"Properties": BALANCER["Group"]["Properties"] | {"Name": "other"}}
    groups = [
        {"TargetGroupArn": {"Ref": "Group"}, "Weight": 1},
        {"TargetGroupArn": {"Ref": "Other"}, "Weight": 3},
    ]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
    listener = BALANCER["Listener"]["Properties"] | {"DefaultActions": [action]}
    resources = BALANCER | {
        "Other": other,
        "Listener": {"Type": BALANCER["Listener"]["Type"], "Properties": listener},
    }
    assert deployed.create(resources) == "CREATE_COMPLETE"
    elbv2 = deployed.account.client("elbv2")
    [found] = elbv2.describe_listeners(LoadBalancerArn=deployed.id("Balancer"))["Listeners"]
    [sent] = found["DefaultActions"]
    assert [group["Weight"] for group in sent["ForwardConfig"]["TargetGroups"]] == [1, 3]
    sent["ForwardConfig"]["TargetGroups"][0]["Weight"] = 0
    elbv2.modify_listener(ListenerArn=found["ListenerArn"], DefaultActions=[sent])
    weights = deployed.account.elbv2.weights(found["ListenerArn"])
    assert sorted(weights.values()) == [0, 3]
    assert weights["other"] == 3


def test_that_a_used_target_group_is_not_deleted(deployed: Deployed) -> None:
    deployed.create(BALANCER)
    without = {name: BALANCER[name] for name in ("Balancer", "Group")}
    assert deployed.update(without) == "UPDATE_COMPLETE"
    imported = {"Listener": deep(BALANCER["Listener"], deployed)}
    assert deployed.create(imported, "listener") == "CREATE_COMPLETE"
    deployed.cloudformation.delete_stack(StackName="app")
    assert deployed.status() == "DELETE_FAILED"
    assert "currently in use by a listener" in deployed.reasons()


def deep(listener: dict[str, Any], deployed: Deployed) -> dict[str, Any]:
    """Return a listener with the ids of what it refers to."""
    text = json.dumps(listener)
    for name in ("Balancer", "Group"):
        text = text.replace(json.dumps({"Ref": name}), json.dumps(deployed.id(name)))
    return json.loads(text)


def test_that_a_port_is_taken_once(deployed: Deployed) -> None:
    assert deployed.create(BALANCER | {"Again": BALANCER["Listener"]}) == "ROLLBACK_COMPLETE"
    assert "already exists on this port" in deployed.reasons()


def test_that_a_function_is_registered_with_a_permission_only(deployed: Deployed) -> None:
    role = "arn:aws:iam::123456789012:role/r"
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": "f",
            "Role": role,
            "Runtime": "python3.13",
            "Handler": "a.b",
            "Code": {"ZipFile": "x"},
        },
    }
    permission = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Ref": "Function"},
            "Principal": "elasticloadbalancing.amazonaws.com",
        },
    }
    target = {"Id": {"Fn::GetAtt": ["Function", "Arn"]}}
    group = {"Type": GROUP, "Properties": {"TargetType": "lambda", "Targets": [target]}}
    resources = {"Function": function, "Group": group}
    assert deployed.create(resources, "without") == "ROLLBACK_COMPLETE"
    assert "does not have permission to invoke" in deployed.reasons("without")
    resources |= {"Permission": permission, "Group": group | {"DependsOn": "Permission"}}
    assert deployed.create(resources, "with") == "CREATE_COMPLETE"


def test_that_logs_need_a_bucket_that_lets_them_in(deployed: Deployed) -> None:
    attributes = [
        {"Key": "access_logs.s3.enabled", "Value": "true"},
        {"Key": "access_logs.s3.bucket", "Value": {"Ref": "Bucket"}},
    ]
    balancer = BALANCER["Balancer"] | {
        "Properties": BALANCER["Balancer"]["Properties"] | {"LoadBalancerAttributes": attributes}
    }
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "*",
    }
    policy = {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Statement": [statement]}},
    }
    resources = {"Bucket": {"Type": "AWS::S3::Bucket"}, "Balancer": balancer}
    assert deployed.create(resources, "without") == "ROLLBACK_COMPLETE"
    assert "Access Denied for bucket" in deployed.reasons("without")
    resources |= {"Policy": policy, "Balancer": balancer | {"DependsOn": "Policy"}}
    assert deployed.create(resources, "with") == "CREATE_COMPLETE"


def test_that_composite_alarms_follow(deployed: Deployed) -> None:
    rule = 'ALARM("errors") AND NOT ALARM("calm")'
    calm = ALARM | {"Properties": ALARM["Properties"] | {"AlarmName": "calm"}}
    composite = {
        "Type": "AWS::CloudWatch::CompositeAlarm",
        "DependsOn": ["Errors", "Calm"],
        "Properties": {"AlarmName": "both", "AlarmRule": rule},
    }
    resources = {"Errors": ALARM, "Calm": calm, "Both": composite}
    assert deployed.create(resources) == "CREATE_COMPLETE"
    client = deployed.account.client("cloudwatch")

    def states() -> dict[str, str]:
        kinds = ["MetricAlarm", "CompositeAlarm"]
        found = client.describe_alarms(AlarmTypes=kinds)
        alarms = found["MetricAlarms"] + found["CompositeAlarms"]
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}

    assert states() == {"errors": "OK", "calm": "OK", "both": "OK"}
    client.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="9")
    assert states()["both"] == "ALARM"
    client.set_alarm_state(AlarmName="calm", StateValue="ALARM", StateReason="9")
    assert states()["both"] == "OK"
    history = client.describe_alarm_history(AlarmName="both", AlarmTypes=["CompositeAlarm"])
    assert [item["HistorySummary"] for item in history["AlarmHistoryItems"]] == [
        "Alarm updated from ALARM to OK",
        "Alarm updated from OK to ALARM",
    ]
    assert client.describe_alarms(AlarmNames=["both"])["MetricAlarms"] == []


def test_the_requests_of_target_groups(deployed: Deployed) -> None:
    deployed.account.cloudwatch.traffic = {"targetgroup/a/1": 7, "targetgroup/b/2": 0}
    deployed.time[0] = 600
    now = deployed.account.cloudwatch.now()

    def counts(minutes: int) -> dict[str, float]:
        queries = [
            {
                "Id": name,
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/ApplicationELB",
                        "MetricName": "RequestCount",
                        "Dimensions": [{"Name": "TargetGroup", "Value": f"targetgroup/{name}/{n}"}],
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
            for n, name in enumerate(("a", "b", "c"), 1)
        ]
        answer = deployed.account.client("cloudwatch").get_metric_data(
            MetricDataQueries=queries,
            StartTime=now.replace(second=0, microsecond=0) - timedelta(minutes=minutes),
            EndTime=now,
        )
        return {result["Id"]: sum(result["Values"]) for result in answer["MetricDataResults"]}

    assert counts(5) == {"a": 28, "b": 0, "c": 2400}  # the last one of five is not known yet
    deployed.account.cloudwatch.metrics_late = 600
    assert counts(5) == {"a": 0, "b": 0, "c": 0}


def test_that_a_composite_alarm_keeps_its_alarms(deployed: Deployed) -> None:
    composite = {
        "Type": "AWS::CloudWatch::CompositeAlarm",
        "Properties": {"AlarmName": "all", "AlarmRule": 'ALARM("errors")'},
    }
    assert deployed.create({"All": composite}, "early") == "ROLLBACK_COMPLETE"
    assert deployed.create({"Errors": ALARM}, "alarm") == "CREATE_COMPLETE"
    assert deployed.create({"All": composite}, "composite") == "CREATE_COMPLETE"
    deployed.cloudformation.delete_stack(StackName="alarm")
    assert deployed.status("alarm") == "DELETE_FAILED"
    assert "composite alarm(s) depending on it: all" in deployed.reasons("alarm")


def test_a_deployment_of_tasks(deployed: Deployed) -> None:
    deployed.account.ecs.seconds = 5
    body = json.dumps({"Resources": BALANCER | TASKS})
    deployed.cloudformation.create_stack(StackName="app", TemplateBody=body)
    assert deployed.status(wait=4) == "CREATE_IN_PROGRESS"
    ecs, elbv2 = deployed.account.client("ecs"), deployed.account.client("elbv2")
    arn, cluster = deployed.id("Service"), deployed.id("Cluster")
    [service] = ecs.describe_services(services=[arn], cluster=cluster)["services"]
    assert service["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert deployed.status(wait=2) == "CREATE_COMPLETE"
    [service] = ecs.describe_services(services=[arn], cluster=cluster)["services"]
    assert service["deployments"][0]["rolloutState"] == "COMPLETED"
    assert (service["runningCount"], service["desiredCount"]) == (2, 2)
    assert service["taskDefinition"].endswith("task-definition/api:1")
    group = deployed.id("Group")
    health = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert [target["TargetHealth"]["State"] for target in health] == ["healthy", "healthy"]
    deployed.account.elbv2.health[health[0]["Target"]["Id"]] = "unhealthy"
    health = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert [target["TargetHealth"]["State"] for target in health] == ["unhealthy", "healthy"]


def changed(image: str) -> dict[str, Any]:
    """Return the stack with another task definition."""
    text = json.dumps(BALANCER | TASKS | {"Errors": ALARM})
    return json.loads(text.replace("elsewhere/api:1", image))


def test_that_a_failed_deployment_goes_back(deployed: Deployed) -> None:
    assert deployed.create(changed("elsewhere/api:1")) == "CREATE_COMPLETE"
    missing = f"{deployed.account.ecr.host}/api:2"
    deployed.account.ecs.failing = f"tasks failed to start: {missing}"
    assert deployed.update(changed("elsewhere/api:2")) == "UPDATE_ROLLBACK_COMPLETE"
    assert "Circuit Breaker was triggered" in deployed.reasons()
    client, cluster = deployed.account.client("ecs"), deployed.id("Cluster")
    [service] = client.describe_services(services=[deployed.id("Service")], cluster=cluster)[
        "services"
    ]
    assert service["taskDefinition"].endswith("task-definition/api:1")
    assert service["runningCount"] == 2
    assert any(missing in event["message"] for event in service["events"])


def test_that_an_alarm_takes_a_deployment_back(deployed: Deployed) -> None:
    deployed.account.ecs.seconds = 60
    assert deployed.create(changed("elsewhere/api:1")) == "CREATE_COMPLETE"
    assert deployed.update(changed("elsewhere/api:2"), wait=10) == "UPDATE_IN_PROGRESS"
    deployed.account.cloudwatch.set("errors", "ALARM")
    assert deployed.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert "Alarm was triggered" in deployed.reasons()
    # It is in ALARM already when the next one begins, which then has no alarms at all.
    assert deployed.update(changed("elsewhere/api:3")) == "UPDATE_COMPLETE"


def test_that_a_service_needs_a_listener(deployed: Deployed) -> None:
    service = {name: value for name, value in TASKS["Service"].items() if name != "DependsOn"}
    resources = {name: BALANCER[name] for name in ("Balancer", "Group")} | TASKS
    assert deployed.create(resources | {"Service": service}) == "ROLLBACK_COMPLETE"
    assert "does not have an associated load balancer" in deployed.reasons()


def test_that_tags_find_stacks_and_buckets(deployed: Deployed) -> None:
    tags = [{"Key": "app", "Value": "portable"}]
    deployed.create({"Bucket": {"Type": "AWS::S3::Bucket"}}, Tags=tags)
    client = deployed.account.client("resourcegroupstaggingapi")

    def found(kind: str, value: str) -> list[str]:
        answer = client.get_resources(
            ResourceTypeFilters=[kind], TagFilters=[{"Key": "app", "Values": [value]}]
        )
        return [item["ResourceARN"] for item in answer["ResourceTagMappingList"]]

    assert found("s3:bucket", "portable") == [f"arn:aws:s3:::{deployed.id('Bucket')}"]
    assert [arn.split("/")[1] for arn in found("cloudformation", "portable")] == ["app"]
    assert found("s3:bucket", "other") == []


def test_that_what_nobody_answers_is_named() -> None:
    with (
        pytest.raises(NotImplementedError, match="kinesis ListStreams"),
        aws(images=False) as account,
        pytest.raises(ClientError, match="does not answer kinesis ListStreams"),
    ):
        account.client("kinesis").list_streams()
