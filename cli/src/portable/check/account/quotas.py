"""Quotas that a deployment may meet.

https://docs.aws.amazon.com/servicequotas/latest/userguide/intro.html
"""

from collections.abc import Iterator

from portable.check.account.session import Account
from portable.check.project import Project
from portable.cost.service_size import ServiceSize, read_service_size
from portable.manifests.problem import Problem, Severity

CONCURRENCY = ("lambda", "L-B99A9384")  # executions at a time
ON_DEMAND = ("fargate", "L-3032A538")  # vCPU
SPOT = ("fargate", "L-36FBB829")  # vCPU
ADDRESSES = ("ec2", "L-0263D0A3")  # Elastic IPs
# A new account has 10, the default is 1,000: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LEAST_CONCURRENCY = 100


def quotas(account: Account, project: Project) -> Iterator[Problem]:
    """Yield the quotas that are too small for what the manifests ask for."""
    concurrency = _quota(account, CONCURRENCY)
    if concurrency is not None and concurrency < LEAST_CONCURRENCY:
        text = f"Lambda has {concurrency:g} executions at a time in this account, beyond which the "
        yield Problem(f"{text}listener answers 502.", _more(CONCURRENCY), Severity.WARNING)
    sizes = [
        read_service_size(project.root, f"copilot/{service}/manifest.yml", environment)
        for service in project.services
        for environment in project.environments
    ]
    yield from _tasks(account, sizes)
    yield from _addresses(account, project, sizes)


def _tasks(account: Account, sizes: list[ServiceSize]) -> Iterator[Problem]:
    """A deployment starts as many tasks as there are before it stops any."""
    tasks = [(size, 2 * size.maximum) for size in sizes]
    spot = sum(size.vcpu * (count - size.spot.base) * size.spot.share for size, count in tasks)
    wanted = sum(size.vcpu * count for size, count in tasks)
    for name, code, need in (("", ON_DEMAND, wanted - spot), (" Spot", SPOT, spot)):
        quota = _quota(account, code)
        if quota is not None and quota < need:
            text = f"Fargate{name} has {quota:g} vCPU in this account, but as many tasks as "
            text += f"count.range allows need up to {need:g} during a deployment."
            yield Problem(text, _more(code), Severity.WARNING)


def _addresses(account: Account, project: Project, sizes: list[ServiceSize]) -> Iterator[Problem]:
    """Each NAT gateway that is not there yet takes an address."""
    gateways = sum(size.nat_gateways for size in sizes)
    taken = account.ask("ec2", "describe_addresses")["Addresses"]
    ours = {f"{project.application}-{environment}" for environment in project.environments}
    there = sum(
        tag["Key"] == "aws:cloudformation:stack-name" and tag["Value"] in ours
        for address in taken
        for tag in address.get("Tags", [])
    )
    quota = _quota(account, ADDRESSES)
    if quota is not None and len(taken) + gateways - there > quota:
        text = f"The region has {quota:g} Elastic IPs in this account, {len(taken)} are taken, and "
        text += f"the NAT gateways take {gateways - there} more."
        yield Problem(text, _more(ADDRESSES))


def _quota(account: Account, code: tuple[str, str]) -> float | None:
    """Return a quota's value, None for one that this region does not have."""
    service, quota = code
    answer = account.find(
        "NoSuchResourceException",
        "service-quotas",
        "get_service_quota",
        ServiceCode=service,
        QuotaCode=quota,
    )
    return None if answer is None else float(answer["Quota"]["Value"])


def _more(code: tuple[str, str]) -> str:
    return f"Ask for more in Service Quotas: {code[0]}, {code[1]}."
