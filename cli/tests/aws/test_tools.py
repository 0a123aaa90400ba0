"""The real `sam` and `copilot` against an empty account, with what needs no image."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.aws.server import Account, aws

Run = Callable[..., subprocess.CompletedProcess[str]]
TEMPLATE = {
    "Parameters": {"Value": {"Type": "String", "Default": "first"}},
    "Resources": {
        "Name": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": "/name", "Type": "String", "Value": {"Ref": "Value"}},
        }
    },
    "Outputs": {"Name": {"Value": {"Ref": "Name"}}},
}


@pytest.fixture
def account() -> Iterator[Account]:
    with aws(images=False) as account:
        yield account


@pytest.fixture
def run(account: Account, tmp_path: Path) -> Run:
    """Run a command with no input, in a folder of its own; the exit status has to be 0."""

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=account.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    return run


def stacks(account: Account) -> dict[str, str]:
    found = account.client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"]: stack["StackStatus"] for stack in found}


def test_sam(account: Account, run: Run, tmp_path: Path) -> None:
    (tmp_path / "template.json").write_text(json.dumps(TEMPLATE))
    deploy = ("sam", "deploy", "--template-file", "template.json", "--stack-name", "app")
    deploy += ("--resolve-s3", "--no-fail-on-empty-changeset")
    ssm = account.client("ssm")

    assert "Successfully created/updated stack - app" in run(*deploy).stdout
    assert ssm.get_parameter(Name="/name")["Parameter"]["Value"] == "first"
    run(*deploy, "--parameter-overrides", "Value=second")
    assert ssm.get_parameter(Name="/name")["Parameter"]["Value"] == "second"
    # A parameter that is left out keeps its value.
    assert "No changes to deploy" in run(*deploy).stdout
    assert stacks(account) == {
        "app": "UPDATE_COMPLETE",
        "aws-sam-cli-managed-default": "CREATE_COMPLETE",
    }
    run("sam", "delete", "--stack-name", "app", "--no-prompts", "--region", account.region)
    assert stacks(account) == {"aws-sam-cli-managed-default": "CREATE_COMPLETE"}
    assert ssm.describe_parameters()["Parameters"] == []


def test_copilot(account: Account, run: Run, root: Path, tmp_path: Path) -> None:
    """An environment of ours, made, deployed, deployed again without a change, and removed."""
    shutil.copytree(root / "copilot", tmp_path / "copilot")
    shutil.copy(root / "Dockerfile", tmp_path)
    app = yaml.safe_load((root / "copilot/.workspace").read_text())["application"]

    for _ in range(2):
        run("copilot", "app", "init", app)
        run("copilot", "env", "init", "--name", "test", "--profile", "default", "--default-config")
        run("copilot", "env", "deploy", "--name", "test")
    run("copilot", "svc", "init", "--name", "api")
    assert stacks(account)[f"{app}-test"] == "UPDATE_COMPLETE"
    exports = account.client("cloudformation").list_exports()["Exports"]
    assert f"{app}-test-PublicSubnets" in {export["Name"] for export in exports}
    assert f"{app}/api" in account.ecr.repositories

    run("copilot", "env", "delete", "--name", "test", "--yes")
    run("copilot", "app", "delete", "--yes")
    assert stacks(account) == {}
    assert account.ecr.repositories == {}
    assert account.client("s3").list_buckets()["Buckets"] == []
    roles = account.client("iam").list_roles()["Roles"]
    assert [role["RoleName"] for role in roles] == ["AWSServiceRoleForecs"]  # of the account
