"""The clients of the three services that are asked, for one account and region."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from portable.errors import PortableError
from portable.shift.aws.errors import no_session

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client

# Adaptive also slows down the calls that follow a throttled one. The reads are small.
# https://docs.aws.amazon.com/boto3/latest/guide/retries.html
CONFIG = Config(
    retries={"mode": "adaptive", "total_max_attempts": 5}, connect_timeout=5, read_timeout=10
)


@dataclass(frozen=True)
class Clients:
    """boto3's clients; `region` is what they ask."""

    cloudformation: "CloudFormationClient"
    cloudwatch: "CloudWatchClient"
    elbv2: "ElasticLoadBalancingv2Client"
    region: str


def clients(region: str | None, profile: str | None, config: Config = CONFIG) -> Clients:
    """Return clients for `region` and `profile`; None: boto3's own, as AWS_DEFAULT_REGION.

    Raises `PortableError` for a profile or a region that is not there.
    """
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        return Clients(
            session.client("cloudformation", config=config),
            session.client("cloudwatch", config=config),
            session.client("elbv2", config=config),
            session.region_name,
        )
    except (BotoCoreError, ValueError) as error:
        if isinstance(error, BotoCoreError):
            raise PortableError(no_session(error)) from None
        raise PortableError(f"boto3 cannot make its clients: {error}") from None
