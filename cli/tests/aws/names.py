"""Plausible names for what AWS would choose: physical ids, ARNs and other attributes.

None of it is checked by anybody: an ARN looks like an ARN of its type, an id has its prefix.
"""

import hashlib
import re
from functools import cache
from typing import Any

import cfnlint.data.AdditionalSpecs
from cfnlint.helpers import load_resource

from tests.aws.schemas import ResourceType

# Types whose services are called otherwise in an ARN.
SERVICES = {
    "applicationautoscaling": "application-autoscaling",
    "certificatemanager": "acm",
    "efs": "elasticfilesystem",
    "elasticloadbalancingv2": "elasticloadbalancing",
    "opensearchservice": "es",
    "stepfunctions": "states",
}
# ARNs that do not end in the type and a name; `revision` counts what is numbered, `id` is made up.
ARNS = {
    "AWS::CloudWatch::CompositeAlarm": "alarm:{AlarmName}",
    "AWS::ECS::Service": "service/{Cluster}/{ServiceName}",
    "AWS::ECS::TaskDefinition": "task-definition/{Family}:{revision}",
    "AWS::ElasticLoadBalancingV2::Listener": "listener/{LoadBalancerArn}/{id}",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "loadbalancer/app/{Name}/{id}",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "targetgroup/{Name}/{id}",
    "AWS::IAM::ManagedPolicy": "policy/{ManagedPolicyName}",
    "AWS::Lambda::Alias": "function:{FunctionName}:{Name}",
    "AWS::Lambda::Version": "function:{FunctionName}:{revision}",
    "AWS::Logs::LogGroup": "log-group:{LogGroupName}:*",
}
# EC2 is the service whose ids say what they are.
PREFIXES = {
    "AllocationId": "eipalloc",
    "EIP": "eipalloc",
    "EniId": "eni",
    "FileSystem": "fs",
    "FlowLog": "fl",
    "GroupId": "sg",
    "Instance": "i",
    "InternetGateway": "igw",
    "LaunchTemplate": "lt",
    "MountTarget": "fsmt",
    "NatGateway": "nat",
    "NetworkAcl": "acl",
    "NetworkInterface": "eni",
    "Namespace": "ns",
    "PrivateDnsNamespace": "ns",
    "RouteTable": "rtb",
    "SecurityGroup": "sg",
    "SecurityGroupEgress": "sgr",
    "SecurityGroupIngress": "sgr",
    "Service": "srv",
    "Subnet": "subnet",
    "SubnetRouteTableAssociation": "rtbassoc",
    "VPC": "vpc",
    "Vpc": "vpc",
    "VPCEndpoint": "vpce",
    "Volume": "vol",
    "DefaultSecurityGroup": "sg",
    "DefaultNetworkAcl": "acl",
}


class Names:
    """The names of one resource.

    `seed` tells it from every other one, `revision` says the how many-th of its family it is.
    """

    def __init__(
        self,
        kind: ResourceType,
        properties: dict[str, Any],
        stack: str,
        logical: str,
        account: str,
        region: str,
        seed: str,
        revision: int = 1,
    ) -> None:
        self.kind, self.properties, self.stack, self.logical = kind, properties, stack, logical
        self.digest = hashlib.sha256(seed.encode()).hexdigest()
        self.account, self.region, self.revision = account, region, revision

    def physical_id(self) -> str:
        """Return the answer to Ref."""
        reference = self.kind.reference
        if reference is None or self.kind.is_custom:
            return f"{self.stack}-{self.logical}-{self.digest[:12]}"
        return str(self.attribute(reference))

    def attribute(self, name: str) -> Any:
        """Return a property as given, else what AWS might have answered."""
        if name in self.properties:
            return self.properties[name]
        if self.kind.is_custom:
            return self._answer(name)
        kind = self.kind.kind(name)
        if kind == "array":
            return [self._text(name)]
        if kind in ("integer", "number"):
            return 1
        return (kind != "object" and (True if kind == "boolean" else self._text(name))) or {}

    def _answer(self, name: str) -> Any:
        # The function of a custom resource is not run. One that looks something up has a property
        # with the answer for when nothing is there, such as DefaultDesiredCount of Copilot's.
        return self.properties.get(f"Default{name}", f"{self.logical}-{name}")

    def _text(self, name: str) -> str:
        leaf = re.split(r"[./]", name)[-1]
        resource = self.kind.name.split("::")[2]
        if leaf.endswith("Arn"):
            return self._arn()
        if leaf.endswith("FullName"):
            return self._arn().split(":", 5)[5].removeprefix("loadbalancer/")
        if leaf == "Id" or leaf.endswith("Id"):
            owner = resource if leaf in ("Id", f"{resource}Id") else leaf[:-2]
            prefix = PREFIXES.get(leaf) or PREFIXES.get(owner)
            return f"{prefix}-{self.digest[:17]}" if prefix else self.digest[:12]
        if leaf in PREFIXES:
            return f"{PREFIXES[leaf]}-{self.digest[:17]}"
        if leaf == "Version":
            return str(self.revision)
        if leaf in ("DNSName", "DomainName", "RegionalDomainName"):
            return f"{self._short()}.{self.region}.example.com".lower()
        if leaf.endswith("Ip"):
            return f"192.0.2.{int(self.digest[:2], 16)}"
        return self._own() or self._short()

    def _short(self) -> str:
        """A name that CloudFormation makes up where a template gives none."""
        start = f"{self.stack}-{self.logical}"[:19].rstrip("-")  # 32 characters fit everywhere
        name = f"{start}-{self.digest[:12]}"
        return name.lower() if self.kind.name.startswith("AWS::S3::") else name

    def _own(self) -> str | None:
        resource = self.kind.name.split("::")[2]
        for name in (*self.kind.identifiers, "Name", f"{resource}Name", "Family"):
            if isinstance(found := self.properties.get(name), str):
                return found
        return None

    def _arn(self) -> str:
        _, service, resource = self.kind.name.lower().split("::")
        service = SERVICES.get(service, service)
        start = _formats(service).get(resource)
        if form := ARNS.get(self.kind.name):
            start = None
            end = re.sub(r"\{(\w+)\}", lambda match: self._part(match[1]), form)
        else:
            end = self._own() or self._short()
            end = end if start else f"{resource}/{end}"
        region = "" if service == "iam" else "${Region}"  # IAM has none
        start = start or f"arn:${{Partition}}:{service}:{region}:${{Account}}:"
        start = start.replace("${Partition}", "aws").replace("${Region}", self.region)
        return start.replace("${Account}", self.account) + end

    def _part(self, name: str) -> str:
        if name == "revision":
            return str(self.revision)
        if name == "id":
            return self.digest[:16]
        value = str(self.properties.get(name) or self._short())
        if not value.startswith("arn:"):
            return value
        return value.split(":", 5)[5].partition("/")[2] or value.rsplit(":", 1)[-1]


@cache
def _formats(service: str) -> dict[str, str]:
    """Return how the ARNs of a service begin, by the type in lower case."""
    policies = load_resource(cfnlint.data.AdditionalSpecs, "Policies.json")
    found: dict[str, str] = {}
    for name, resource in policies.get(service, {}).get("Resources", {}).items():
        key = re.sub(r"[^a-z].*", "", name.replace("-", "").replace(" ", ""))
        found.setdefault(key, resource["ARNFormats"][0].removesuffix(".*"))
    return found
