"""Images: the real docker client and the real registry, behind ECR's own name."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.aws.server import Account

Docker = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def docker(account_with_images: Account) -> Docker:
    """Run docker with the environment that the tools have."""

    def docker(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        command = ["docker", *arguments]
        environment = account_with_images.environment
        return subprocess.run(
            command, env=environment, input=text, capture_output=True, text=True, timeout=120
        )

    return docker


@pytest.fixture
def ecr(account_with_images: Account):
    return account_with_images.client("ecr")


@pytest.fixture
def image(account_with_images: Account, docker: Docker, ecr) -> Iterator[str]:
    """An empty image, with the name that it has in a repository."""
    ecr.create_repository(repositoryName="app/api")
    name = f"{account_with_images.ecr.host}/app/api:v1"
    made = docker("import", "-", name, text="\0" * 1024)  # an archive without files
    assert made.returncode == 0, made.stderr
    yield name
    docker("rmi", name)
    ecr.delete_repository(repositoryName="app/api", force=True)


@pytest.fixture
def logged_in(account_with_images: Account, docker: Docker) -> Iterator[None]:
    host, password = account_with_images.ecr.host, account_with_images.ecr.password
    answer = docker("login", "-u", "AWS", "--password-stdin", host, text=password)
    assert (answer.returncode, answer.stdout) == (0, "Login Succeeded\n")
    yield
    docker("logout", host)


def test_that_pushing_needs_the_token(image: str, docker: Docker) -> None:
    answer = docker("push", image)
    assert (answer.returncode, "no basic auth credentials" in answer.stderr) == (1, True)


def test_that_a_wrong_token_is_refused(account_with_images: Account, docker: Docker) -> None:
    host = account_with_images.ecr.host
    answer = docker("login", "-u", "AWS", "--password-stdin", host, text="wrong")
    assert answer.returncode == 1


def test_that_what_is_pushed_is_in_ecr(
    image: str, docker: Docker, logged_in: None, ecr, account_with_images: Account
) -> None:
    assert not account_with_images.ecr.has(image)
    assert docker("push", image).returncode == 0
    assert account_with_images.ecr.has(image)
    [found] = ecr.describe_images(repositoryName="app/api")["imageDetails"]
    assert found["imageTags"] == ["v1"]
    wanted = [{"imageTag": "v1"}, {"imageTag": "v2"}]
    answer = ecr.batch_get_image(repositoryName="app/api", imageIds=wanted)
    assert [each["imageId"]["imageDigest"] for each in answer["images"]] == [found["imageDigest"]]
    assert [each["failureCode"] for each in answer["failures"]] == ["ImageNotFound"]
    # As `copilot` learns the digest.
    digest = docker("inspect", "--format", "{{index .RepoDigests 0}}", image).stdout
    assert digest.strip().endswith(f"app/api@{found['imageDigest']}")
    # The registry on loopback has it, under the same name.
    registry = account_with_images.ecr.registry.host
    assert docker("pull", f"{registry}/app/api:v1").returncode == 0


def test_that_a_repository_with_images_stays(
    image: str, docker: Docker, logged_in: None, ecr
) -> None:
    docker("push", image)
    with pytest.raises(ClientError, match="still contains images"):
        ecr.delete_repository(repositoryName="app/api")
    ecr.batch_delete_image(repositoryName="app/api", imageIds=[{"imageTag": "v1"}])
    assert ecr.list_images(repositoryName="app/api")["imageIds"] == []


def test_that_a_repository_has_to_be_there(
    account_with_images: Account, image: str, docker: Docker, logged_in: None
) -> None:
    other = f"{account_with_images.ecr.host}/app/other:v1"
    docker("tag", image, other)
    answer = docker("push", other)
    docker("rmi", other)
    assert answer.returncode == 1
    assert "name 'app/other' does not exist" in answer.stderr


def _in_folder(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("portable"), "image", "--env", "test"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


def test_that_portable_names_the_image_of_a_function_by_its_digest(
    image: str, docker: Docker, logged_in: None, ecr, account_with_images: Account, root: Path
) -> None:
    missing = _in_folder(root, account_with_images.environment)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.startswith("portable: there is no stack portable-api-lambda-test in ")

    assert docker("push", image).returncode == 0
    function = {
        "Role": "arn:aws:iam::123456789012:role/r",
        "PackageType": "Image",
        "Code": {"ImageUri": image},
    }
    version = {"FunctionName": {"Ref": "Function"}}
    number = {"Fn::GetAtt": ["Version", "Version"]}
    alias = {**version, "FunctionVersion": number, "Name": "live"}
    template = {
        "Resources": {
            "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
            "Version": {"Type": "AWS::Lambda::Version", "Properties": version},
            "Alias": {"Type": "AWS::Lambda::Alias", "Properties": alias},
        },
        "Outputs": {"FunctionAlias": {"Value": {"Ref": "Alias"}}},
    }
    account_with_images.client("cloudformation").create_stack(
        StackName="portable-api-lambda-test", TemplateBody=json.dumps(template)
    )
    done = _in_folder(root, account_with_images.environment)
    [found] = ecr.describe_images(repositoryName="app/api")["imageDetails"]
    assert done.stdout == f"{image.rpartition(':')[0]}@{found['imageDigest']}\n", done.stderr
    assert account_with_images.ecr.has(done.stdout.strip())
