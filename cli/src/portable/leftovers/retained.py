"""What CloudFormation kept when a stack or a resource of it went: a DeletionPolicy says so.

CloudFormation puts the tag aws:cloudformation:stack-name on what it makes, and nobody can change
it, so it is found whatever its name is, also years later.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from portable.check.account.session import Account
from portable.leftovers.leftover import Leftover, Needs
from portable.leftovers.removal import delete_bucket, delete_repository

TAG = "aws:cloudformation:stack-name"
MOST = 20  # values of a tag: https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/


@dataclass(frozen=True)
class Kind:
    """A type of resource: whether it is there still, and how it goes; both take its name."""

    word: str
    type: str  # as the tagging API has it
    there: Callable[[Account, str], Any]
    remove: Callable[[Account, str], Any]
    needs: Needs = Needs.DELETE


def _secret(account: Account, name: str) -> bool:
    found = account.find(
        "ResourceNotFoundException", "secretsmanager", "describe_secret", SecretId=name
    )
    return found is not None and "DeletedDate" not in found


KINDS = (
    Kind(
        "bucket",
        "s3",
        lambda account, name: account.find("404", "s3", "head_bucket", Bucket=name),
        delete_bucket,
    ),
    Kind(
        "repository",
        "ecr:repository",
        lambda account, name: account.find(
            "RepositoryNotFoundException", "ecr", "describe_repositories", repositoryNames=[name]
        ),
        delete_repository,
    ),
    Kind(
        "log group",
        "logs:log-group",
        lambda account, name: any(
            group["logGroupName"] == name
            for group in account.pages(
                "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name
            )
        ),
        lambda account, name: account.ask("logs", "delete_log_group", logGroupName=name),
    ),
    Kind(
        "table",
        "dynamodb:table",
        lambda account, name: account.find(
            "ResourceNotFoundException", "dynamodb", "describe_table", TableName=name
        ),
        lambda account, name: account.ask("dynamodb", "delete_table", TableName=name),
        Needs.DATA,
    ),
    Kind(
        "secret",
        "secretsmanager:secret",
        _secret,
        # It can be restored for 30 days, the default.
        lambda account, name: account.ask("secretsmanager", "delete_secret", SecretId=name),
        Needs.DATA,
    ),
)


def retained(account: Account, stacks: Iterable[str], live: Iterable[str]) -> Iterator[Leftover]:
    """Yield what is of one of these `stacks` by its tag, but in none; `live` are those there."""
    names = sorted(stacks)
    members = {
        member.get("PhysicalResourceId", "")
        for name in sorted(set(names) & set(live))
        for member in account.pages(
            "cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=name
        )
        if member["ResourceStatus"] != "DELETE_COMPLETE"
    }
    for kind in KINDS:
        for start in range(0, len(names), MOST):
            found = account.pages(
                "resourcegroupstaggingapi",
                "get_resources",
                "ResourceTagMappingList",
                ResourceTypeFilters=[kind.type],
                TagFilters=[{"Key": TAG, "Values": names[start : start + MOST]}],
            )
            for each in sorted(found, key=lambda each: str(each["ResourceARN"])):
                arn = each["ResourceARN"]
                name = _name(arn)
                # The list may still have what was deleted some minutes ago.
                if {arn, name} & members or not kind.there(account, name):
                    continue
                stack = {tag["Key"]: tag["Value"] for tag in each["Tags"]}[TAG]
                yield Leftover(
                    kind.word,
                    name,
                    f"kept by its DeletionPolicy when {stack} let go of it",
                    partial(_drop, kind.remove, account, name),
                    needs=kind.needs,
                )


def _name(arn: str) -> str:
    """Return what a resource is called where it is asked for: the ARN itself for a secret."""
    service, rest = arn.split(":", 5)[2], arn.split(":", 5)[5]
    if service == "secretsmanager":
        return arn
    if service == "logs":
        return rest.removeprefix("log-group:").removesuffix(":*")
    return rest if service == "s3" else rest.partition("/")[2]


def _drop(remove: Callable[[Account, str], Any], account: Account, name: str) -> None:
    remove(account, name)
