"""Who deploys, and where to: the same for every tool."""

import os
from collections.abc import Iterator

from portable.check.account.session import Account
from portable.check.project import Project
from portable.manifests.problem import Problem
from portable.manifests.samconfig import SAMCONFIG


def identity(account: Account, project: Project) -> Iterator[Problem]:
    """Yield what makes `sam`, `copilot` and `portable` see another account or region."""
    _, arn = account.identity
    if arn.endswith(":root"):
        text = f"The credentials are of the root user ({arn}), which `copilot` refuses."
        yield Problem(text, "Use a named profile of a user or role: AWS_PROFILE.")
    # boto3, and so `sam` and `portable`, read AWS_DEFAULT_REGION only; Copilot prefers AWS_REGION.
    given = os.environ.get("AWS_REGION")
    if given and given != account.region:
        text = f"AWS_REGION is {given!r}, which `copilot` reads, but `sam` and `portable` use "
        yield Problem(f"{text}{account.region!r}.", "Set AWS_DEFAULT_REGION to the same.")
    profile = account.session.profile_name
    for section in project.sections:
        region = section.settings.get("region", account.region)
        if region != account.region:
            text = f"{SAMCONFIG}: [{section.name}] region is {region!r}, but the others use "
            yield Problem(f"{text}{account.region!r}.", "Remove it, or set AWS_DEFAULT_REGION.")
        own = section.settings.get("profile", profile)
        if own != profile:
            text = f"{SAMCONFIG}: [{section.name}] profile is {own!r}, but the others use "
            yield Problem(f"{text}{profile!r}.", "Remove it, or set AWS_PROFILE.")
