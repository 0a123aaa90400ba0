"""alb/template.yaml, rendered offline as CloudFormation would."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from cfn_tools import load_yaml
from cfnlint import lint_file
from cfnlint.config import ManualArgs
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from cloud_radar.cf.unit import Template

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "alb/template.yaml"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
ZONE = "Z0123456789ABCDEFGHIJ"
IMPORTS = {
    "portable-api-test-VpcId": "vpc-1",
    "portable-api-test-PublicSubnets": "subnet-1,subnet-2",
    "portable-api-test-EnvironmentSecurityGroup": "sg-environment",
    "portable-api-test-FunctionAlias": "arn:function:live",
}
ACCOUNT = Template.AccountId
RESOURCE = "arn:aws:elasticloadbalancing:us-east-1:{}:{}"


def render(imports: dict[str, str] | None = None, /, **parameters: str) -> dict[str, Any]:
    """Return the template with its functions resolved; raise ValueError for what it refuses."""
    template = Template.from_yaml(TEMPLATE, imports or IMPORTS)
    # cloud-radar knows no rules, but an assertion is written as a condition is.
    rules = template.template.pop("Rules")
    assertions = [assertion for rule in rules.values() for assertion in rule["Assertions"]]
    for number, assertion in enumerate(assertions):
        template.template["Conditions"][f"Rule{number}"] = assertion["Assert"]
    rendered = Template(template.template, template.imports).render(
        {"EnvName": "test", "AllowPlainHttp": "enabled", **parameters}, region="us-east-1"
    )
    for number, assertion in enumerate(assertions):
        if not rendered["Conditions"][f"Rule{number}"]:
            raise ValueError(assertion["AssertDescription"])
    return without_no_value(rendered)


def without_no_value(value: Any) -> Any:
    """Drop the list items that are AWS::NoValue, which cloud-radar leaves there as ''."""
    if isinstance(value, dict):
        return {key: without_no_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_no_value(item) for item in value if item != Template.NoValue]
    return value


def properties(logical_id: str, **parameters: str) -> dict[str, Any]:
    return render(**parameters)["Resources"][logical_id]["Properties"]


def attributes(logical_id: str, kind: str, **parameters: str) -> dict[str, str]:
    found = properties(logical_id, **parameters)[kind]
    return {attribute["Key"]: attribute["Value"] for attribute in found}


def listeners(**parameters: str) -> dict[int, dict[str, Any]]:
    """Return the one action of each listener by its port."""
    actions = {}
    for resource in render(**parameters)["Resources"].values():
        if resource["Type"] == "AWS::ElasticLoadBalancingV2::Listener":
            (action,) = resource["Properties"]["DefaultActions"]
            actions[resource["Properties"]["Port"]] = action
    return actions


def test_cfn_lint_finds_nothing() -> None:
    assert lint_file(TEMPLATE, ManualArgs(include_checks=["I"])) == []


def test_deploys_without_a_bucket_for_the_template() -> None:
    assert TEMPLATE.stat().st_size < 51_200


@pytest.mark.parametrize("certificate", ["", CERTIFICATE], ids=["http", "https"])
@pytest.mark.parametrize("weights", [("50", "50"), ("90", "10"), ("100", "0"), ("0", "100")])
def test_one_listener_forwards_to_both_target_groups_at_any_weight(
    weights: tuple[str, str], certificate: str
) -> None:
    actions = listeners(
        LambdaWeight=weights[0], FargateWeight=weights[1], CertificateArn=certificate
    )
    forwards = [action for action in actions.values() if action["Type"] == "forward"]
    assert forwards == [
        {
            "Type": "forward",
            "ForwardConfig": {
                "TargetGroups": [
                    {"TargetGroupArn": "LambdaTargetGroup", "Weight": weights[0]},
                    {"TargetGroupArn": "FargateTargetGroup", "Weight": weights[1]},
                ],
                "TargetGroupStickinessConfig": {"Enabled": False},
            },
        }
    ]


def test_weights_are_equal_by_default() -> None:
    groups = listeners()[80]["ForwardConfig"]["TargetGroups"]
    assert [group["Weight"] for group in groups] == [50, 50]


def test_without_a_certificate_only_port_80_listens() -> None:
    resources = render()["Resources"]
    assert {port: action["Type"] for port, action in listeners().items()} == {80: "forward"}
    assert "HttpsListener" not in resources
    assert "HttpsListener" not in str(resources["HttpListener"]["Metadata"])


def test_with_a_certificate_port_443_forwards_and_port_80_redirects() -> None:
    actions = listeners(CertificateArn=CERTIFICATE)
    assert {port: action["Type"] for port, action in actions.items()} == {
        80: "redirect",
        443: "forward",
    }
    assert actions[80]["RedirectConfig"] == {
        "Protocol": "HTTPS",
        "Port": "443",
        "StatusCode": "HTTP_301",
    }
    https = properties("HttpsListener", CertificateArn=CERTIFICATE)
    assert https["Protocol"] == "HTTPS"
    assert https["Certificates"] == [{"CertificateArn": CERTIFICATE}]
    assert https["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"


def test_a_domain_name_is_an_alias_of_the_load_balancer() -> None:
    domain = {"DomainName": "api.example.com", "HostedZoneId": ZONE}
    assert properties("DomainRecord", **domain) == {
        "HostedZoneId": ZONE,
        "Name": "api.example.com",
        "Type": "A",
        "AliasTarget": {
            "DNSName": "LoadBalancer.DNSName",
            "HostedZoneId": "LoadBalancer.CanonicalHostedZoneID",
            "EvaluateTargetHealth": False,
        },
    }
    found = render(**domain, CertificateArn=CERTIFICATE)["Outputs"]["Url"]["Value"]
    assert found == "https://api.example.com"


def test_without_a_domain_name_there_is_no_record() -> None:
    rendered = render(CertificateArn=CERTIFICATE)
    assert "DomainRecord" not in rendered["Resources"]
    assert rendered["Outputs"]["Url"]["Value"] == "https://LoadBalancer.DNSName"


@pytest.mark.parametrize("given", [{"DomainName": "api.example.com"}, {"HostedZoneId": ZONE}])
def test_a_domain_name_and_its_zone_go_together(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="DomainName and HostedZoneId go together"):
        render(**given)


def test_redirects_only_once_the_https_listener_is_there() -> None:
    listener = render(CertificateArn=CERTIFICATE)["Resources"]["HttpListener"]
    assert "HttpsListener" in listener["Metadata"].values()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LambdaWeight", "1000"),
        ("LambdaWeight", "-1"),
        ("FargateWeight", "1000"),
        ("FargateWeight", "-1"),
        ("TaskPort", "0"),
        ("TaskPort", "65536"),
        ("EnvName", "Staging"),
        ("EnvName", "staging-"),
        ("EnvName", "stag_ing"),
        ("EnvName", "a-long-name"),
        ("AccessLogs", "yes"),
        ("DeletionProtection", "true"),
        ("AllowPlainHttp", "yes"),
        ("HstsSeconds", "-1"),
        ("Waf", "on"),
        ("WafRequestLimit", "9"),
        ("CertificateArn", "12345678-1234-1234-1234-123456789012"),
        ("CertificateArn", CERTIFICATE.replace("acm", "iam")),
        ("CertificateArn", f"{CERTIFICATE}/more"),
        ("DomainName", "https://api.example.com"),
        ("DomainName", "api.example.com."),
        ("DomainName", "localhost"),
        ("HostedZoneId", f"/hostedzone/{ZONE}"),
        ("AppName", "Portable"),
        ("AppName", "portable-"),
        ("AppName", "portable-api-xy"),
    ],
)
def test_refuses(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        render(**{name: value})


def test_refuses_a_missing_environment() -> None:
    with pytest.raises(ValueError, match="EnvName"):
        Template.from_yaml(TEMPLATE, IMPORTS).render()


def test_refuses_both_weights_zero() -> None:
    with pytest.raises(ValueError, match="LambdaWeight and FargateWeight are both 0"):
        render(LambdaWeight="0", FargateWeight="0")


def test_plain_http_has_to_be_allowed() -> None:
    with pytest.raises(ValueError, match="CertificateArn is empty, set it, or AllowPlainHttp"):
        render(AllowPlainHttp="disabled")
    render(AllowPlainHttp="disabled", CertificateArn=CERTIFICATE)
    assert load_yaml(TEMPLATE.read_text())["Parameters"]["AllowPlainHttp"]["Default"] == "disabled"


def overrides(config_env: str) -> dict[str, str]:
    samconfig = tomllib.loads((ROOT / "samconfig.toml").read_text())
    given = samconfig[config_env]["deploy"]["parameters"]["parameter_overrides"]
    return {name: str(value) for name, value in given.items()}


def test_accepts_what_samconfig_sets_for_test() -> None:
    given = overrides("alb-test")
    assert given["EnvName"] == "test"
    render(**given)


@pytest.mark.parametrize("chosen", [{"CertificateArn": CERTIFICATE}, {"AllowPlainHttp": "enabled"}])
def test_samconfig_leaves_one_choice_for_prod(chosen: dict[str, str]) -> None:
    imports = {name.replace("test", "prod"): value for name, value in IMPORTS.items()}
    given = overrides("alb-prod")
    assert given["EnvName"] == "prod"
    with pytest.raises(ValueError, match="AllowPlainHttp"):
        render(imports, **given)
    resources = render(imports, **given | chosen)["Resources"]
    found = resources["LoadBalancer"]["Properties"]["LoadBalancerAttributes"]
    switched = {item["Key"]: item["Value"] for item in found}
    assert switched["access_logs.s3.enabled"] == switched["deletion_protection.enabled"] == "true"


@pytest.mark.parametrize(("seconds", "expected"), [({}, "31536000"), ({"HstsSeconds": "0"}, "0")])
def test_browsers_are_told_to_stay_with_https(seconds: dict[str, str], expected: str) -> None:
    found = attributes("HttpsListener", "ListenerAttributes", CertificateArn=CERTIFICATE, **seconds)
    name = "routing.http.response.strict_transport_security.header_value"
    assert found == {name: f"max-age={expected}"}
    assert "ListenerAttributes" not in properties("HttpListener", CertificateArn=CERTIFICATE)


def test_waf_is_there_on_demand() -> None:
    assert not {"WebAcl", "WebAclAssociation"} & set(render()["Resources"])
    acl = properties("WebAcl", Waf="enabled", WafRequestLimit="100")
    rate, *managed = acl["Rules"]
    assert rate["Statement"]["RateBasedStatement"] == {
        "AggregateKeyType": "IP",
        "EvaluationWindowSec": 300,
        "Limit": "100",
    }
    assert "Block" in rate["Action"]
    names = [rule["Statement"]["ManagedRuleGroupStatement"]["Name"] for rule in managed]
    assert names == ["AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet"]
    assert len({rule["Priority"] for rule in acl["Rules"]}) == 3
    association = properties("WebAclAssociation", Waf="enabled")
    assert association == {"ResourceArn": "LoadBalancer", "WebACLArn": "WebAcl.Arn"}


def test_waf_does_not_limit_the_size_of_a_body() -> None:
    """AWS's rule would refuse more than 8 KB, which the app takes."""
    common = properties("WebAcl", Waf="enabled")["Rules"][1]["Statement"]
    (override,) = common["ManagedRuleGroupStatement"]["RuleActionOverrides"]
    assert override == {"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}


def test_load_balancer_is_public() -> None:
    load_balancer = properties("LoadBalancer")
    assert load_balancer["Scheme"] == "internet-facing"
    assert load_balancer["Subnets"] == ["subnet-1", "subnet-2"]
    assert load_balancer["SecurityGroups"] == ["LoadBalancerSecurityGroup.GroupId"]


def test_load_balancer_attributes() -> None:
    assert attributes("LoadBalancer", "LoadBalancerAttributes") == {
        "idle_timeout.timeout_seconds": "60",
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http.desync_mitigation_mode": "defensive",
        "deletion_protection.enabled": "false",
        "access_logs.s3.enabled": "false",
    }


@pytest.mark.parametrize(("config_env", "expected"), [("alb-test", "false"), ("alb-prod", "true")])
def test_load_balancer_of_prod_cannot_be_deleted_by_mistake(config_env: str, expected: str) -> None:
    samconfig = tomllib.loads((ROOT / "samconfig.toml").read_text())
    given = samconfig[config_env]["deploy"]["parameters"]["parameter_overrides"]
    protection = given["DeletionProtection"]
    found = attributes("LoadBalancer", "LoadBalancerAttributes", DeletionProtection=protection)
    assert found["deletion_protection.enabled"] == expected


@pytest.mark.parametrize(("certificate", "ports"), [("", [80]), (CERTIFICATE, [80, 443])])
def test_lets_in_the_listeners_ports_only(certificate: str, ports: list[int]) -> None:
    rules = properties("LoadBalancerSecurityGroup", CertificateArn=certificate)[
        "SecurityGroupIngress"
    ]
    assert [(rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) for rule in rules] == [
        ("tcp", port, port) for port in ports
    ]
    assert sorted(listeners(CertificateArn=certificate)) == ports


def test_lets_out_the_tasks_port_only() -> None:
    group = properties("LoadBalancerSecurityGroup", TaskPort="9000")
    assert group["VpcId"] == "vpc-1"
    (rule,) = group["SecurityGroupEgress"]
    del rule["Description"]
    assert rule == {
        "IpProtocol": "tcp",
        "FromPort": "9000",
        "ToPort": "9000",
        "DestinationSecurityGroupId": "sg-environment",
    }


def test_tasks_let_in_the_load_balancer_only_and_at_their_port() -> None:
    rule = properties("TaskIngress", TaskPort="9000")
    del rule["Description"]
    assert rule == {
        "GroupId": "sg-environment",
        "IpProtocol": "tcp",
        "FromPort": "9000",
        "ToPort": "9000",
        "SourceSecurityGroupId": "LoadBalancerSecurityGroup.GroupId",
    }


def test_only_this_target_group_of_this_account_may_invoke_the_alias() -> None:
    name = properties("LambdaTargetGroup")["Name"]
    assert name == "portable-api-test-lambda"
    assert properties("LambdaPermission") == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": "arn:function:live",
        "Principal": "elasticloadbalancing.amazonaws.com",
        "SourceAccount": ACCOUNT,
        "SourceArn": RESOURCE.format(ACCOUNT, f"targetgroup/{name}/*"),
    }


def test_permission_is_there_before_the_target_is_registered() -> None:
    assert render()["Resources"]["LambdaTargetGroup"]["DependsOn"] == "LambdaPermission"


def test_name_of_the_lambda_target_group_fits_for_the_longest_accepted_application() -> None:
    app, env = "a" * 14, "production"
    imports = {name.replace("portable-api-test", f"{app}-{env}"): IMPORTS[name] for name in IMPORTS}
    resources = render(imports, AppName=app, EnvName=env)["Resources"]
    assert len(resources["LambdaTargetGroup"]["Properties"]["Name"]) == 32


def test_lambda_target_group() -> None:
    assert properties("LambdaTargetGroup") == {
        "Name": "portable-api-test-lambda",
        "TargetType": "lambda",
        "Targets": [{"Id": "arn:function:live"}],
        "TargetGroupAttributes": [{"Key": "lambda.multi_value_headers.enabled", "Value": "true"}],
        "HealthCheckEnabled": True,
        "HealthCheckPath": "/healthz",
        "HealthCheckIntervalSeconds": 35,
        "HealthCheckTimeoutSeconds": 30,
        "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2,
        "Matcher": {"HttpCode": "200"},
    }


def test_fargate_target_group_is_the_same_for_every_port_of_the_tasks() -> None:
    """A change of what is create-only would replace it, and its ARN is an export in use."""
    assert properties("FargateTargetGroup", TaskPort="9000") == properties("FargateTargetGroup")


@pytest.mark.parametrize("other", [{"CertificateArn": CERTIFICATE}, {"TaskPort": "9000"}])
def test_no_parameter_of_a_running_system_replaces_a_target_group(other: dict[str, str]) -> None:
    for logical_id in ("FargateTargetGroup", "LambdaTargetGroup"):
        before, after = properties(logical_id), properties(logical_id, **other)
        for name in create_only("AWS::ElasticLoadBalancingV2::TargetGroup"):
            assert before.get(name) == after.get(name)


def create_only(kind: str) -> set[str]:
    """Return the properties whose change replaces a resource, by its provider's schema."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return {path.rpartition("/")[2] for path in schema["createOnlyProperties"]}


def test_fargate_target_group() -> None:
    assert properties("FargateTargetGroup") == {
        "TargetType": "ip",
        "VpcId": "vpc-1",
        "Protocol": "HTTP",
        "Port": 8080,
        "TargetGroupAttributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "60"}],
        "HealthCheckPath": "/healthz",
        "HealthCheckIntervalSeconds": 30,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2,
        "Matcher": {"HttpCode": "200"},
    }


def test_without_access_logs_there_is_no_bucket() -> None:
    rendered = render()
    assert not {"AccessLogsBucket", "AccessLogsBucketPolicy"} & set(rendered["Resources"])
    assert "AccessLogsBucket" not in rendered["Outputs"]
    assert "AccessLogs" not in str(rendered["Resources"]["LoadBalancer"])


def test_access_logs_go_to_a_private_bucket_that_outlives_the_stack() -> None:
    found = attributes("LoadBalancer", "LoadBalancerAttributes", AccessLogs="enabled")
    assert found["access_logs.s3.enabled"] == "true"
    assert found["access_logs.s3.bucket"] == "AccessLogsBucket"
    bucket = render(AccessLogs="enabled")["Resources"]["AccessLogsBucket"]
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")
    (encryption,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 90)


def test_only_load_balancers_of_this_account_write_access_logs() -> None:
    policy = properties("AccessLogsBucketPolicy", AccessLogs="enabled")
    assert policy["Bucket"] == "AccessLogsBucket"
    allow, deny = policy["PolicyDocument"]["Statement"]
    assert allow == {
        "Sid": "WriteLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"AccessLogsBucket.Arn/AWSLogs/{ACCOUNT}/*",
        "Condition": {"ArnLike": {"aws:SourceArn": RESOURCE.format(ACCOUNT, "loadbalancer/*")}},
    }
    assert deny["Effect"] == "Deny"
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert deny["Resource"] == ["AccessLogsBucket.Arn", "AccessLogsBucket.Arn/*"]


def test_logging_starts_only_once_the_bucket_accepts_logs() -> None:
    load_balancer = render(AccessLogs="enabled")["Resources"]["LoadBalancer"]
    assert "AccessLogsBucketPolicy" in load_balancer["Metadata"].values()


def test_imports_nothing_but_the_network_and_the_alias() -> None:
    for name in IMPORTS:
        rest = {key: value for key, value in IMPORTS.items() if key != name}
        with pytest.raises(KeyError, match=name):
            render(rest)


@pytest.mark.parametrize("env", ["test", "prod", "staging", "eu-1"])
def test_exports_the_target_group_that_the_copilot_service_imports(env: str) -> None:
    imports = {name.replace("test", env): value for name, value in IMPORTS.items()}
    export = render(imports, EnvName=env)["Outputs"]["FargateTargetGroup"]
    assert export["Value"] == "FargateTargetGroup"
    patches = load_yaml((ROOT / "copilot/api/overrides/cfn.patches.yml").read_text())
    (patch,) = [patch for patch in patches if patch["path"].endswith("/LoadBalancers")]
    (target,) = patch["value"]
    imported = target["TargetGroupArn"]["Fn::ImportValue"]["Fn::Sub"]
    app = load_yaml((ROOT / "copilot/.workspace").read_text())["application"]
    expected = imported.replace("${AppName}", app).replace("${EnvName}", env)
    assert export["Export"]["Name"] == expected


@pytest.mark.parametrize(("certificate", "scheme"), [("", "http"), (CERTIFICATE, "https")])
def test_outputs_the_url(certificate: str, scheme: str) -> None:
    outputs = render(CertificateArn=certificate)["Outputs"]
    assert outputs["Url"]["Value"] == f"{scheme}://LoadBalancer.DNSName"


def test_outputs_what_the_other_stacks_and_the_command_line_need() -> None:
    values = {name: output["Value"] for name, output in render()["Outputs"].items()}
    del values["Url"]
    assert values == {
        "FargateTargetGroup": "FargateTargetGroup",
        "FargateTargetGroupFullName": "FargateTargetGroup.TargetGroupFullName",
        "LambdaTargetGroup": "LambdaTargetGroup",
        "LambdaTargetGroupFullName": "LambdaTargetGroup.TargetGroupFullName",
        "ListenerArn": "HttpListener",
        "LoadBalancerFullName": "LoadBalancer.LoadBalancerFullName",
    }


@pytest.mark.parametrize("certificate", ["", CERTIFICATE], ids=["http", "https"])
def test_outputs_the_listener_that_forwards(certificate: str) -> None:
    rendered = render(CertificateArn=certificate)
    listener = rendered["Resources"][rendered["Outputs"]["ListenerArn"]["Value"]]
    (action,) = listener["Properties"]["DefaultActions"]
    assert action["Type"] == "forward"


def test_exports_nothing_that_a_certificate_changes() -> None:
    """What a stack imports must not change, so a certificate could be neither added nor removed."""
    exports = [
        {
            output["Export"]["Name"]: output["Value"]
            for output in render(CertificateArn=certificate)["Outputs"].values()
            if "Export" in output
        }
        for certificate in ("", CERTIFICATE)
    ]
    assert exports[0] == exports[1]
    assert sorted(exports[0]) == [
        "portable-api-test-FargateTargetGroup",
        "portable-api-test-FargateTargetGroupFullName",
        "portable-api-test-LambdaTargetGroupFullName",
        "portable-api-test-LoadBalancerFullName",
    ]
