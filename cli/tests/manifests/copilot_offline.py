"""Render everything under copilot/ with the real `copilot`, with no network and no AWS account.

    python cli/tests/manifests/copilot_offline.py DIRECTORY

writes there what a deployment would hand to CloudFormation: for every environment ENV the files
ENV.env.yml and SERVICE-ENV.stack.yml, each with its .params.json.

AWS is the one thing that is faked, and only here. Before it renders, Copilot looks up what it has
deployed so far, through an SDK that takes no other endpoint. So moto's proxy stands between the
binary and the network and answers for AWS.
"""

import json
import logging
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import yaml
from moto import mock_aws
from moto.cloudformation.models import cloudformation_backends
from moto.moto_proxy.proxy3 import CertificateCreator, ProxyRequestHandler

ROOT = Path(__file__).parents[3]
ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/copilot"


def load(path: str) -> Any:
    return yaml.safe_load((ROOT / "copilot" / path).read_text())


def names(pattern: str) -> list[str]:
    return sorted(path.parent.name for path in (ROOT / "copilot").glob(pattern))


APP = load(".workspace")["application"]
ENVIRONMENTS = names("environments/*/manifest.yml")
SERVICES = names("*/manifest.yml")


def copilot_binary() -> str:
    """The one of this virtual environment, else the one on the PATH."""
    beside_python = str(Path(sys.executable).parent)
    found = shutil.which("copilot", path=beside_python) or shutil.which("copilot")
    if found is None:
        raise FileNotFoundError(f"'copilot' is neither in '{beside_python}' nor on the PATH.")
    return found


@contextmanager
def aws_proxy() -> Iterator[str]:
    """A proxy that answers for AWS, from the same state as `mock_aws` in this process."""
    logging.getLogger("MOTO_PROXY").setLevel(logging.WARNING)  # else a line for each request
    ProxyRequestHandler.validate()  # it makes its certificates with the openssl command
    with ThreadingHTTPServer(("127.0.0.1", 0), ProxyRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def put_record(path: str, record: dict[str, str]) -> None:
    boto3.client("ssm", REGION).put_parameter(
        Name=f"/copilot/applications/{APP}{path}", Type="String", Value=json.dumps(record)
    )


def initialise() -> None:
    """Leave what `copilot app init`, `env init` and `svc init` leave in an account."""
    put_record("", {"name": APP, "account": ACCOUNT, "version": "1.0"})
    for service in SERVICES:
        kind = load(f"{service}/manifest.yml")["type"]
        put_record(f"/components/{service}", {"app": APP, "name": service, "type": kind})
    for environment in ENVIRONMENTS:
        record = {"app": APP, "name": environment, "region": REGION, "accountID": ACCOUNT}
        roles = {"executionRoleARN": ROLE, "managerRoleARN": ROLE}
        put_record(f"/environments/{environment}", record | roles)
        bootstrap = {"Metadata": {"Version": "bootstrap"}, "Resources": {}}
        boto3.client("cloudformation", REGION).create_stack(
            StackName=f"{APP}-{environment}", TemplateBody=json.dumps(bootstrap)
        )
    create_regional_resources()


def create_regional_resources() -> None:
    """Leave the stack set with the artifact bucket, its key and the image repositories."""
    arn = f"arn:aws:%s:{REGION}:{ACCOUNT}:%s"
    outputs = {"KMSKeyARN": arn % ("kms", "key/a"), "PipelineBucket": f"{APP}-artifacts"}
    for service in SERVICES:
        outputs[f"ECRRepo{service}"] = arn % ("ecr", f"repository/{APP}/{service}")
    template = {"Resources": {}, "Outputs": {key: {"Value": v} for key, v in outputs.items()}}
    name = f"{APP}-infrastructure"
    client = boto3.client("cloudformation", REGION)
    client.create_stack_set(StackSetName=name, TemplateBody=json.dumps(template))
    client.create_stack_instances(StackSetName=name, Accounts=[ACCOUNT], Regions=[REGION])
    # moto lists an instance under an id made up at each call; Copilot looks that stack up by it.
    stack_set = cloudformation_backends[ACCOUNT][REGION].describe_stack_set(name)
    for instance in stack_set.instances.stack_instances:
        listed = instance.to_dict() | {"StackId": instance.stack.stack_id}
        instance.to_dict = lambda listed=listed: listed


def deploy_environment(environment: str, directory: Path) -> None:
    """Leave what `copilot env deploy` leaves, as far as a service looks at it."""
    # Its version and parameters say which features the environment has, its manifest what is in it.
    # BaseLoader takes short-form tags for plain values.
    text = (directory / f"{environment}.env.yml").read_text()
    rendered = yaml.load(text, yaml.BaseLoader)
    metadata = rendered["Metadata"]
    # moto answers with Python's repr of the metadata, which is YAML too as long as it is one line.
    metadata["Manifest"] = json.dumps(yaml.safe_load(metadata["Manifest"]))
    template = {"Metadata": metadata, "Parameters": rendered["Parameters"], "Resources": {}}
    values = json.loads((directory / f"{environment}.env.params.json").read_text())["Parameters"]
    boto3.client("cloudformation", REGION).update_stack(
        StackName=f"{APP}-{environment}",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in values.items()],
    )


def render(directory: Path) -> None:
    with tempfile.TemporaryDirectory() as home, mock_aws(), aws_proxy() as proxy:
        variables = {
            "HOME": home,
            "PATH": "",  # rendering needs neither Docker nor git
            "HTTPS_PROXY": proxy,
            "AWS_CA_BUNDLE": CertificateCreator.cacert,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "offline",
            "AWS_SECRET_ACCESS_KEY": "offline",
        }

        def copilot(*arguments: str) -> None:
            command = [copilot_binary(), *arguments, "--output-dir", str(directory)]
            subprocess.run(command, cwd=ROOT, env=variables, stdin=subprocess.DEVNULL, check=True)

        initialise()
        for environment in ENVIRONMENTS:
            copilot("env", "package", "--name", environment)
            deploy_environment(environment, directory)
            for service in SERVICES:
                copilot("svc", "package", "--name", service, "--env", environment, "--tag", "T")


if __name__ == "__main__":
    render(Path(sys.argv[1]).resolve())
