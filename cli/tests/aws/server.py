"""One AWS account on this machine, empty at first, for the real `sam`, `copilot` and `portable`.

    with aws() as account:
        subprocess.run(["sam", "deploy"], env=account.environment, stdin=subprocess.DEVNULL)
        account.client("cloudformation").describe_stacks()  # boto3
        account.cloudwatch.set("portable-api-test-fargate-errors", "ALARM")
        account.elbv2.health["10.0.2.10"] = "unhealthy"
        account.ecs.failing = "tasks failed to start."
        account.ecs.task_failing = "CannotPullContainerError: no route to the registry"

At the end of the block it raises if a tool asked for something that nothing here answers.

`python -m tests.aws` serves one until Ctrl-C, to try commands by hand. README.md in this folder
says what is checked, what is answered without a check, and what only a real account can prove.
"""

import os
import re
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import boto3
from botocore.config import Config
from moto.moto_api._internal.models import moto_api_backend

from tests.aws import ecs_resources, elbv2_resources, storage
from tests.aws.cloudformation import CloudFormation
from tests.aws.cloudwatch import CloudWatch
from tests.aws.docker_engine import docker_engine
from tests.aws.ecr import Ecr
from tests.aws.ecs import Ecs
from tests.aws.elbv2 import Elbv2
from tests.aws.functions import Functions
from tests.aws.proxy import CA, proxy
from tests.aws.quotas import Quotas
from tests.aws.registry import NoRegistry, Registry, registry
from tests.aws.routing import Requests
from tests.aws.schedule import Times
from tests.aws.storage import Policies, accepts_logs
from tests.aws.tagging import Tagging
from tests.aws.tasks import Run, as_container, as_process

ACCOUNT, REGION = "123456789012", "us-east-1"
S3_URL = re.compile(
    r"https://((?P<host>[^/]+)\.s3[.-][^/]*/|s3[.-][^/]*/(?P<bucket>[^/]+)/)(?P<key>[^?]+)(\?.*)?"
)
# The tools look again after up to 30 seconds if something is not done at once.
QUICK = Times(change_set=0, resource=0, clean=0)
KEYS = "[default]\naws_access_key_id = test\naws_secret_access_key = test\n"


class Account:
    """The services by name, and who asked for what: `requests`.

    `variables` are what a tool has to have in its environment, `environment` is all of that.
    """

    def __init__(
        self,
        account: str,
        region: str,
        clock: Callable[[], float],
        epoch: datetime,
        times: Times,
        images: Registry,
    ) -> None:
        self.id, self.region = account, region
        self.variables: dict[str, str] = {}
        self.refused: list[str] = []  # hosts besides AWS's
        self.session = _session(region)
        self.clients: dict[str, Any] = {}
        moto_api_backend.reset()

        # What CloudFormation does late happens at its own time, for the others too.
        def seconds() -> float:
            return self.cloudformation.schedule.now()

        def now() -> datetime:
            return self.cloudformation.schedule.time()

        self.tagging = Tagging()
        self.quotas = Quotas()
        self.ecr = Ecr(account, region, images, self.tagging)
        self.functions = Functions(
            account, region, self.ecr, lambda alarm: self.cloudwatch.state(alarm)
        )
        self.policies: Policies = {}
        self.elbv2 = Elbv2(
            account,
            region,
            self.functions.may_invoke,
            lambda bucket: accepts_logs(self.policies.get(bucket, {})),
        )
        self.cloudwatch = CloudWatch(account, region, now)
        line = as_container(account, images) if images.host else as_process
        self.ecs = Ecs(
            account,
            region,
            self.elbv2,
            self.ecr,
            self.tagging,
            self.cloudwatch.state,
            seconds,
            now,
            Run(line, lambda: self.client("logs")),
        )
        self.cloudformation = CloudFormation(
            account=account,
            region=region,
            actors=storage.actors(self.client, self.tagging, self.policies)
            | self.ecr.actors
            | self.functions.actors
            | self.cloudwatch.actors
            | elbv2_resources.actors(self.elbv2)
            | ecs_resources.actors(self.ecs),
            clock=clock,
            epoch=epoch,
            times=times,
            fetch=self.fetch,
            resolve=self.resolve,
            alarm_state=self.cloudwatch.state,
        )
        self.tagging.cloudformation = self.cloudformation
        self.cloudwatch.on_change = lambda name, state: self.cloudformation.advance()
        self.requests = Requests(
            account,
            region,
            {
                "cloudformation": self.cloudformation,
                "cloudwatch": self.cloudwatch,
                "ecr": self.ecr,
                "ecs": self.ecs,
                "elbv2": self.elbv2,
                "lambda": self.functions,
                "resourcegroupstaggingapi": self.tagging,
                "service-quotas": self.quotas,
            },
            self.cloudformation.advance,
        )

    def client(self, service: str) -> Any:
        """Return a client of boto3 that comes in through the proxy, as the tools do."""
        if service not in self.clients:
            proxies = {"https": self.variables["HTTPS_PROXY"]}
            config = Config(proxies=proxies, retries={"total_max_attempts": 1})
            self.clients[service] = self.session.client(service, config=config, verify=CA)
        return self.clients[service]

    @property
    def environment(self) -> dict[str, str]:
        """The variables of this process, without the user's AWS, and those that are ours."""
        theirs = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "SAM_")) and not name.lower().endswith("_proxy")
        }
        path = os.pathsep.join([str(Path(sys.executable).parent), theirs.get("PATH", os.defpath)])
        return theirs | self.variables | {"PATH": path}

    def fetch(self, url: str) -> str:
        """Return the text of an object in S3."""
        found = S3_URL.fullmatch(url)
        if found is None:
            raise LookupError(f"{url} is no URL of S3.")
        bucket, key = found["host"] or found["bucket"], unquote(found["key"])
        return str(self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read(), "utf-8")

    def resolve(self, service: str, key: str) -> str:
        """Return what a dynamic reference stands for."""
        if service == "secretsmanager":
            return str(self.client("secretsmanager").get_secret_value(SecretId=key)["SecretString"])
        return str(
            self.client("ssm").get_parameter(Name=key, WithDecryption=True)["Parameter"]["Value"]
        )


@contextmanager
def aws(
    region: str = REGION,
    clock: Callable[[], float] | None = None,
    epoch: datetime | None = None,
    times: Times = QUICK,
    images: bool = True,
) -> Iterator[Account]:
    """Serve an empty account for the block.

    `clock` is the time in seconds since `epoch`, the real one by default, and `times` what things
    take that CloudFormation does. Without `images` there is no registry, and neither
    it nor a Docker engine has to be installed.
    """
    started = time.monotonic()
    clock = clock or (lambda: time.monotonic() - started)
    epoch = epoch or datetime.now(UTC)
    with ExitStack() as stack:
        found = stack.enter_context(registry()) if images else NoRegistry()
        # All accounts on this machine share its Docker engine, where an image has one name.
        number = str(10**11 + secrets.randbelow(9 * 10**11)) if images else ACCOUNT
        account = Account(number, region, clock, epoch, times, found)
        address = stack.enter_context(
            proxy(lambda *request: account.requests.respond(*request), account.refused)
        )
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aws-")))
        account.variables = _variables(address, home, region)
        if images:
            account.variables["DOCKER_HOST"] = stack.enter_context(docker_engine(account.ecr))
        try:
            yield account
        finally:
            for task in account.ecs.tasks.values():
                task.end()
        if account.requests.unanswered:
            raise NotImplementedError(
                "Nothing in tests/aws answers "
                + ", ".join(sorted(set(account.requests.unanswered)))
            )


@cache
def _session(region: str) -> boto3.Session:
    return boto3.Session("test", "test", region_name=region)  # loads its models once


def _variables(address: str, home: Path, region: str) -> dict[str, str]:
    (home / "credentials").write_text(KEYS)
    (home / "config").write_text(f"[default]\nregion = {region}\n")
    return {
        "HTTPS_PROXY": address,
        "AWS_CA_BUNDLE": CA,
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
        "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "DOCKER_CONFIG": str(home / "docker"),
        "SAM_CLI_POLL_DELAY": "0.5",  # seconds; sam waits for 5 before it looks the first time
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(home / "sam"),
    }
