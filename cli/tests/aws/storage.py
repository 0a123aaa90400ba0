"""Resources that moto holds: what a tool asks S3, IAM, SSM or Logs for is made there as well.

An actor here asks moto to make the thing, through the API as anybody would, so that moto checks it.
"""

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from tests.aws.actors import Made, OnlySchema, Resource, ResourceFailed
from tests.aws.tagging import Tagging

Clients = Callable[[str], Any]  # a boto3 client by the name of its service
Policies = dict[str, dict[str, Any]]  # by the name of the bucket


class _Actor(OnlySchema):
    def __init__(self, client: Clients, tagging: Tagging) -> None:
        self.client, self.tagging = client, tagging

    def create(self, resource: Resource) -> Made:
        return _asked(self.make, resource) or Made()

    def update(self, resource: Resource, before: dict[str, Any]) -> Made:
        return _asked(self.change, resource) or Made()

    def delete(self, resource: Resource) -> None:
        try:
            _asked(self.remove, resource)
        except ResourceFailed as error:
            if not any(word in str(error) for word in GONE):
                raise

    def make(self, resource: Resource) -> Made | None: ...

    def change(self, resource: Resource) -> Made | None: ...

    def remove(self, resource: Resource) -> None: ...


GONE = ("NoSuchBucket", "NoSuchEntity", "ResourceNotFoundException", "ParameterNotFound")


def _asked(act: Callable[[Resource], Made | None], resource: Resource) -> Made | None:
    try:
        return act(resource)
    except ClientError as error:
        found = error.response["Error"]
        raise ResourceFailed(f"{found['Message']} ({found['Code']})") from None


class BucketActor(_Actor):
    def make(self, resource: Resource) -> Made:
        name = resource.properties.get("BucketName", resource.physical_id)
        where: dict[str, Any] = {}
        if resource.region != "us-east-1":
            where["CreateBucketConfiguration"] = {"LocationConstraint": resource.region}
        self.client("s3").create_bucket(Bucket=name, **where)
        arn = f"arn:aws:s3:::{name}"
        self.tagging.put(arn, resource)
        self._set(name, resource)
        return Made(
            name,
            {
                "Arn": arn,
                "DomainName": f"{name}.s3.amazonaws.com",
                "RegionalDomainName": f"{name}.s3.{resource.region}.amazonaws.com",
            },
        )

    def change(self, resource: Resource) -> None:
        self._set(resource.physical_id, resource)

    def remove(self, resource: Resource) -> None:
        self.client("s3").delete_bucket(Bucket=resource.physical_id)
        self.tagging.tagged.pop(f"arn:aws:s3:::{resource.physical_id}", None)

    def _set(self, name: str, resource: Resource) -> None:
        status = resource.properties.get("VersioningConfiguration", {}).get("Status")
        if status:
            self.client("s3").put_bucket_versioning(
                Bucket=name, VersioningConfiguration={"Status": status}
            )


class BucketPolicyActor(_Actor):
    """The policy is only kept: moto knows no conditions and would deny what needs TLS only."""

    def __init__(self, client: Clients, tagging: Tagging, policies: Policies) -> None:
        super().__init__(client, tagging)
        self.policies = policies

    def make(self, resource: Resource) -> None:
        bucket = resource.properties["Bucket"]
        self.client("s3").head_bucket(Bucket=bucket)
        self.policies[bucket] = resource.properties["PolicyDocument"]

    change = make

    def remove(self, resource: Resource) -> None:
        self.policies.pop(resource.properties["Bucket"], None)


class RoleActor(_Actor):
    def make(self, resource: Resource) -> Made:
        given = resource.properties
        name = given.get("RoleName", resource.physical_id)
        tags = {k: v for k, v in resource.tags.items() if not k.startswith("aws:")}
        made = self.client("iam").create_role(
            RoleName=name,
            Path=given.get("Path", "/"),
            AssumeRolePolicyDocument=json.dumps(given["AssumeRolePolicyDocument"]),
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )["Role"]
        self._policies(name, given)
        return Made(name, {"Arn": made["Arn"], "RoleId": made["RoleId"]})

    def change(self, resource: Resource) -> None:
        self._policies(resource.physical_id, resource.properties)

    def remove(self, resource: Resource) -> None:
        iam, name = self.client("iam"), resource.physical_id
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)

    def _policies(self, name: str, given: dict[str, Any]) -> None:
        iam = self.client("iam")
        wanted = {policy["PolicyName"]: policy for policy in given.get("Policies", [])}
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            if policy not in wanted:
                iam.delete_role_policy(RoleName=name, PolicyName=policy)
        for policy in wanted.values():
            document = json.dumps(policy["PolicyDocument"])
            iam.put_role_policy(
                RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document
            )


class LogGroupActor(_Actor):
    def make(self, resource: Resource) -> Made:
        name = resource.properties.get("LogGroupName", resource.physical_id)
        self.client("logs").create_log_group(logGroupName=name)
        arn = f"arn:aws:logs:{resource.region}:{resource.account}:log-group:{name}:*"
        return Made(name, {"Arn": arn})

    def remove(self, resource: Resource) -> None:
        self.client("logs").delete_log_group(logGroupName=resource.physical_id)


class ParameterActor(_Actor):
    def make(self, resource: Resource) -> Made:
        given = resource.properties
        name = given.get("Name", resource.physical_id)
        self.client("ssm").put_parameter(Name=name, Type=given["Type"], Value=given["Value"])
        return Made(name, {"Type": given["Type"], "Value": given["Value"]})

    def change(self, resource: Resource) -> Made:
        given = resource.properties
        self.client("ssm").put_parameter(
            Name=resource.physical_id, Type=given["Type"], Value=given["Value"], Overwrite=True
        )
        return Made(attributes={"Value": given["Value"]})

    def remove(self, resource: Resource) -> None:
        self.client("ssm").delete_parameter(Name=resource.physical_id)


class TableActor(_Actor):
    KEPT = (
        *("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema"),
        *("LocalSecondaryIndexes", "ProvisionedThroughput", "DeletionProtectionEnabled"),
    )

    def make(self, resource: Resource) -> Made:
        given = resource.properties
        name = given.get("TableName", resource.physical_id)
        wanted = {key: given[key] for key in self.KEPT if key in given}
        made = self.client("dynamodb").create_table(TableName=name, **wanted)["TableDescription"]
        self.tagging.put(made["TableArn"], resource)
        return Made(name, {"Arn": made["TableArn"]})

    def change(self, resource: Resource) -> None:
        protected = resource.properties.get("DeletionProtectionEnabled", False)
        self.client("dynamodb").update_table(
            TableName=resource.physical_id, DeletionProtectionEnabled=protected
        )

    def remove(self, resource: Resource) -> None:
        self.client("dynamodb").delete_table(TableName=resource.physical_id)
        self.tagging.tagged.pop(resource.attributes["Arn"], None)


def accepts_logs(policy: dict[str, Any]) -> bool:
    """Say whether a bucket with this policy lets load balancers write their access logs."""
    return any(
        statement["Effect"] == "Allow"
        and statement["Action"] == "s3:PutObject"
        and statement["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
        for statement in policy.get("Statement", [])
    )


def actors(client: Clients, tagging: Tagging, policies: Policies) -> dict[str, OnlySchema]:
    """Return the actors of the types that moto holds; `policies` keeps those of buckets."""
    kinds = {
        "AWS::DynamoDB::Table": TableActor,
        "AWS::S3::Bucket": BucketActor,
        "AWS::IAM::Role": RoleActor,
        "AWS::Logs::LogGroup": LogGroupActor,
        "AWS::SSM::Parameter": ParameterActor,
    }
    policy = {"AWS::S3::BucketPolicy": BucketPolicyActor(client, tagging, policies)}
    return {type_: kind(client, tagging) for type_, kind in kinds.items()} | policy
