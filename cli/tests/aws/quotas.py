"""Service Quotas: the value of a quota, the default of AWS where a test sets no other."""

from typing import Any

from tests.aws.errors import AwsError
from tests.aws.service import Service

# https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html
DEFAULTS = {
    ("ec2", "L-0263D0A3"): 5,  # Elastic IPs
    ("fargate", "L-3032A538"): 140,  # vCPU on demand
    ("fargate", "L-36FBB829"): 140,  # vCPU on Spot
    ("lambda", "L-B99A9384"): 1000,  # executions at a time
}


class Quotas(Service):
    name = "service-quotas"

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], float] = dict(DEFAULTS)

    def get_service_quota(self, parameters: dict[str, Any]) -> dict[str, Any]:
        key = (parameters["ServiceCode"], parameters["QuotaCode"])
        if key not in self.values:
            raise AwsError("NoSuchResourceException", f"There is no quota {key[1]}.")
        return {"Quota": {"ServiceCode": key[0], "QuotaCode": key[1], "Value": self.values[key]}}
