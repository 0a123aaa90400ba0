"""How each kind of thing is deleted."""

import os
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from portable.check.account.session import Account
from portable.errors import PortableError
from portable.leftovers.service import Service
from portable.manifests.system import WORKSPACE

BATCH = 1000  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html


def empty_bucket(account: Account, name: str) -> None:
    """Delete every version of every object, and every delete marker."""
    versions = _versions(account, name)
    while batch := list(islice(versions, BATCH)):
        answer = account.ask(
            "s3", "delete_objects", Bucket=name, Delete={"Objects": batch, "Quiet": True}
        )
        for error in answer.get("Errors", []):
            text = f"{error.get('Key')} in {name} cannot be deleted: {error.get('Message')}"
            raise PortableError(f"{text} ({error.get('Code')}).")


def _versions(account: Account, name: str) -> Iterator[dict[str, str]]:
    # A bucket without versions has one of each object, whose id is "null".
    for key in ("Versions", "DeleteMarkers"):
        for each in account.pages("s3", "list_object_versions", key, Bucket=name):
            yield {"Key": each["Key"], "VersionId": each["VersionId"]}


def delete_bucket(account: Account, name: str) -> None:
    """Delete a bucket with all that is in it."""
    empty_bucket(account, name)
    account.ask("s3", "delete_bucket", Bucket=name)


def delete_stack(account: Account, name: str) -> None:
    """Delete a stack, emptying its buckets and repositories first, and wait until it is gone."""
    for member in account.pages(
        "cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=name
    ):
        if member["ResourceStatus"] == "DELETE_COMPLETE":
            continue
        if member["ResourceType"] == "AWS::S3::Bucket":
            empty_bucket(account, member["PhysicalResourceId"])
        elif member["ResourceType"] == "AWS::ECR::Repository":
            delete_repository(account, member["PhysicalResourceId"])
    account.ask("cloudformation", "delete_stack", StackName=name)
    account.wait("cloudformation", "stack_delete_complete", StackName=name)


def delete_repository(account: Account, name: str) -> None:
    """Delete a repository with its images; one that is gone already is no failure."""
    account.find(
        "RepositoryNotFoundException", "ecr", "delete_repository", repositoryName=name, force=True
    )


def delete_application(account: Account, service: Service, root: Path) -> None:
    """Let the real `copilot` delete the application, and keep the file that names it.

    Copilot deletes copilot/.workspace, without which neither it nor `portable check` knows the
    application of this folder.
    """
    workspace = root / WORKSPACE
    text = workspace.read_text() if workspace.exists() else None
    own: dict[str, Any] = {"AWS_DEFAULT_REGION": account.region, "AWS_REGION": account.region}
    if service.profile:
        own["AWS_PROFILE"] = service.profile
    try:
        done = subprocess.run(
            ("copilot", "app", "delete", "--name", service.application, "--yes"),
            cwd=root,
            env=os.environ | own,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise PortableError("there is no `copilot` on the PATH: `make install` has it.") from None
    finally:
        if text is not None and not workspace.exists():
            workspace.write_text(text)
    if done.returncode:
        raise PortableError(f"`copilot app delete` ended with exit status {done.returncode}.")
