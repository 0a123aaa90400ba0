"""What stays of an environment is found and removed in the emulated account, by the real tools."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from samcli.lib.bootstrap.companion_stack.data_types import CompanionStack

from tests.aws.server import Account, aws

Run = Callable[..., subprocess.CompletedProcess[str]]
BUCKET = {
    "Type": "AWS::S3::Bucket",
    "DeletionPolicy": "Retain",
    "Properties": {"VersioningConfiguration": {"Status": "Enabled"}},
}
TOPIC = {"Type": "AWS::SNS::Topic"}
COMPANION = CompanionStack("portable-api-lambda-test").stack_name
MANAGED = "aws-sam-cli-managed-default"


@pytest.fixture
def account() -> Iterator[Account]:
    with aws(images=False) as account:
        yield account


@pytest.fixture
def folder(root: Path, tmp_path: Path) -> Path:
    for name in ("template.yaml", "samconfig.toml", "Dockerfile"):
        shutil.copy(root / name, tmp_path)
    shutil.copytree(root / "copilot", tmp_path / "copilot")
    return tmp_path


@pytest.fixture
def run(account: Account, folder: Path) -> Run:
    """Run a command, with `answers` to what it asks; by default standard input is closed."""

    def run(command: str, answers: str = "", status: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command.split(),
            cwd=folder,
            env=account.environment,
            input=answers,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


def create(account: Account, name: str, **resources: dict) -> None:
    account.client("cloudformation").create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": resources})
    )
    assert name in stacks(account)


def drop(account: Account, name: str) -> None:
    account.client("cloudformation").delete_stack(StackName=name)
    assert name not in stacks(account)


def retained_bucket(account: Account, stack: str) -> str:
    """Deploy and delete a stack that keeps its bucket; two versions and a marker are in it."""
    create(account, stack, AccessLogsBucket=BUCKET)
    s3 = account.client("s3")
    (name,) = [each["Name"] for each in s3.list_buckets()["Buckets"]]
    for text in (b"one", b"two"):
        s3.put_object(Bucket=name, Key="log", Body=text)
    s3.delete_object(Bucket=name, Key="log")
    drop(account, stack)
    return str(name)


def buckets(account: Account) -> list[str]:
    return [each["Name"] for each in account.client("s3").list_buckets()["Buckets"]]


def stacks(account: Account) -> set[str]:
    found = account.client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"] for stack in found}


def test_nothing_is_left_of_an_empty_account(run):
    done = run("portable leftovers --env prod")
    assert "Nothing is left of portable-api prod in account 123456789012, us-east-1" in done.stdout


def test_a_bucket_that_its_stack_has_kept_goes_with_every_version_in_it(account, run):
    name = retained_bucket(account, "portable-api-alb-test")
    done = run("portable leftovers", status=1)
    assert f"bucket {name}" in done.stdout
    assert "portable-api-alb-test" in done.stdout
    run("portable leftovers --env prod")  # it is not of that one

    done = run("portable leftovers --delete", status=1)
    assert "add --yes" in done.stderr
    run("portable leftovers --delete", answers="n\n", status=1)
    assert buckets(account) == [name]
    done = run("portable leftovers --delete", answers="y\n")
    assert f"Deleted bucket {name}" in done.stdout
    assert buckets(account) == []


def test_a_bucket_of_a_stack_that_is_there_is_in_use(account, run):
    create(account, "portable-api-alb-test", AccessLogsBucket=BUCKET)
    done = run("portable leftovers --delete --yes", status=1)
    assert "bucket" not in done.stdout
    assert "still deployed: `sam delete --config-env alb-test`" in done.stdout
    assert stacks(account) == {"portable-api-alb-test"} and len(buckets(account)) == 1


def test_a_bucket_that_a_stack_let_go_of_is_left_though_the_stack_is_there(account, run):
    create(account, "portable-api-alb-test", AccessLogsBucket=BUCKET, Other=TOPIC)
    account.client("cloudformation").update_stack(
        StackName="portable-api-alb-test", TemplateBody=json.dumps({"Resources": {"Other": TOPIC}})
    )
    (name,) = buckets(account)
    done = run("portable leftovers --delete --yes", status=1)
    assert f"Deleted bucket {name}" in done.stdout
    assert buckets(account) == [] and stacks(account) == {"portable-api-alb-test"}


def test_images_that_were_kept_go_with_their_stack(account, run):
    create(account, COMPANION, Repository={"Type": "AWS::ECR::Repository"})
    create(account, "portable-api-lambda-test", Only=TOPIC)
    assert COMPANION not in run("portable leftovers", status=1).stdout  # in use
    drop(account, "portable-api-lambda-test")
    assert f"stack {COMPANION}" in run("portable leftovers", status=1).stdout
    run("portable leftovers --delete --yes")
    assert stacks(account) == set() and account.ecr.repositories == {}


def test_a_repository_that_was_kept_without_its_stack(account, run):
    create(account, COMPANION, Kept={"Type": "AWS::ECR::Repository", "DeletionPolicy": "Retain"})
    drop(account, COMPANION)
    (name,) = account.ecr.repositories
    assert f"repository {name}" in run("portable leftovers --delete --yes").stdout
    assert account.ecr.repositories == {}


def test_what_all_projects_of_sam_share_goes_on_demand_only(account, run, folder):
    (folder / "other.json").write_text(json.dumps({"Resources": {"Topic": TOPIC}}))
    (folder / "other.toml").write_text("version = 0.1\n")
    run("sam deploy -t other.json --config-file other.toml --stack-name x --resolve-s3")
    done = run("portable leftovers --delete --yes")
    assert f"stack {MANAGED}" in done.stdout and "shared" in done.stdout
    assert "deleted with --delete --shared only" in done.stdout
    assert MANAGED in stacks(account) and len(buckets(account)) == 1
    run("portable leftovers --delete --shared --yes")
    assert stacks(account) == {"x"} and buckets(account) == []


def test_data_goes_on_demand_only(account, run):
    secret = account.client("secretsmanager").create_secret(Name="token", SecretString="x")["ARN"]
    account.client("dynamodb").create_table(
        TableName="notes",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    tag = {"aws:cloudformation:stack-name": "portable-api-alb-test"}
    account.tagging.tagged[secret] = tag
    account.tagging.tagged["arn:aws:dynamodb:us-east-1:123456789012:table/notes"] = tag
    name = "/copilot/portable-api/test/secrets/TOKEN"
    account.client("ssm").put_parameter(Name=name, Type="SecureString", Value="x")
    run("portable leftovers", status=1)
    done = run("portable leftovers --delete --yes")  # it stays on purpose: no failure
    assert f"secret {secret}" in done.stdout
    assert "table notes" in done.stdout
    assert f"parameter {name}" in done.stdout
    assert "0 of 3 deleted." in done.stdout
    assert "3 of 3 deleted." in run("portable leftovers --delete --data --yes").stdout
    # The tags are still listed for a while, and the secret can be restored.
    assert "Nothing is left" in run("portable leftovers").stdout
    assert account.client("dynamodb").list_tables()["TableNames"] == []
    assert account.client("ssm").describe_parameters()["Parameters"] == []


def test_log_groups_that_no_stack_has(account, run):
    ours = {
        "/aws/lambda/portable-api-test-api-EnvControllerFunction-AbC1",
        "/aws/ecs/containerinsights/portable-api-test-Cluster-AbC123dEf456/performance",
    }
    others = {
        "/aws/lambda/portable-api-test-eu-EnvControllerFunction-AbC123dEf456",
        "/aws/lambda/portable-api-testing-api-EnvControllerFunction-AbC123dEf456",
        "/aws/lambda/portable-api-test-other",
    }
    logs = account.client("logs")
    for name in ours | others:
        logs.create_log_group(logGroupName=name)
    done = run("portable leftovers --delete --yes")
    assert done.stdout.count("Deleted log group") == 2
    left = {group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]}
    assert left == others


def test_the_application_of_copilot(account, run, folder):
    """Made by the real `copilot`, and deleted by it; the file that names it is kept."""
    run("copilot app init portable-api")
    ssm = account.client("ssm")
    record = "/copilot/applications/portable-api/environments/prod"
    ssm.put_parameter(Name=record, Type="String", Value="{}")
    run("portable leftovers")  # another environment is in it
    ssm.delete_parameter(Name=record)
    assert "application portable-api" in run("portable leftovers", status=1).stdout
    run("portable leftovers --delete --yes")
    assert stacks(account) == set() and ssm.describe_parameters()["Parameters"] == []
    assert (folder / "copilot/.workspace").read_text() == "application: portable-api\n"
    (folder / "copilot/.workspace").unlink()
    assert "git checkout copilot/.workspace" in run("portable leftovers").stderr


@pytest.mark.parametrize("option", ["--data", "--shared", "--yes"])
def test_an_option_of_delete_without_it(option, run):
    assert "add --delete" in run(f"portable leftovers {option}", status=1).stderr


def test_an_environment_that_is_none(run):
    done = run("portable leftovers --env staging", status=1)
    assert "'test', 'prod', not to 'staging'" in done.stderr


def test_what_aws_refuses_is_one_sentence_and_the_rest_goes_on(account, run):
    name = retained_bucket(account, "portable-api-alb-test")
    create(account, COMPANION, Repository={"Type": "AWS::ECR::Repository"})
    account.client("cloudformation").update_termination_protection(
        StackName=COMPANION, EnableTerminationProtection=True
    )
    done = run("portable leftovers --delete --yes", status=1)
    assert "AWS refused DeleteStack" in done.stderr and "Traceback" not in done.stderr
    assert f"Deleted bucket {name}" in done.stdout
