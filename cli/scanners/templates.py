"""The templates as checkov shall see them: each option on, and Copilot's as they are deployed."""

import re
import shutil
from pathlib import Path

from portable.check.project import Project, folders
from portable.check.rendering import copilot_package

ARN = "arn:aws:{}:us-east-1:123456789012:{}"
# checkov skips what a condition leaves out, and decides on it by the defaults.
ON = {
    "AccessLogs": "enabled",
    "CertificateArn": ARN.format("acm", "certificate/00000000-0000-0000-0000-000000000000"),
    "DeletionProtection": "enabled",
    "DomainName": "api.example.com",
    "Failover": "enabled",
    "FailoverConcurrency": "1",
    "HostedZoneId": "Z1",
    "PermissionsBoundary": "arn:aws:iam::123456789012:policy/boundary",
    "ReservedConcurrency": "1",
    "TopicArn": ARN.format("sns", "topic"),
    "Tracing": "Active",
    "Waf": "enabled",
}
# Those that are no option: a size, a limit, a name.
OTHER = {
    *(
        "AppName",
        "EnvName",
        "SideHeader",
        "Rollout",
        "ApiDocs",
        "MemorySize",
        "TaskPort",
        "LambdaWeight",
        "FargateWeight",
    ),
    *("AllowPlainHttp", "HstsSeconds", "WafRequestLimit"),
    *("MaxErrorPercent", "MaxLatencyMilliseconds", "MinRequests"),
}


def render(root: Path, folder: Path) -> None:
    """Write the templates and the Dockerfile to `folder`; raise `ValueError` for an unknown option.

    Copilot's are those of every environment, rendered by the real `copilot`.
    """
    rendered = folder / "copilot"
    rendered.mkdir()
    project = Project(root, folders(root), rendered)
    problems = list(copilot_package(project))
    if problems:
        raise ValueError(f"copilot cannot render: {problems[0]}")
    for path in rendered.rglob("*"):
        if path.is_file() and path.suffix not in (".yml", ".yaml"):
            path.unlink()  # parameters
    for name in project.templates:
        unknown = project.template(name)["Parameters"].keys() - ON.keys() - OTHER
        if unknown:
            raise ValueError(f"{name}: is {', '.join(sorted(unknown))} an option? {__name__} asks.")
        text = (root / name).read_text()
        for option, value in ON.items():
            default = rf"^(  {option}:\n(?:    .*\n)*?    Default: ).*$"
            text = re.sub(default, rf"\g<1>'{value}'", text, flags=re.M)
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    shutil.copy(root / "Dockerfile", folder)
