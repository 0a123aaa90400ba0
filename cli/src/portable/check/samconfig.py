"""samconfig.toml: a section for each stack of each environment, with all that it needs.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-cli-command-reference-sam-deploy.html
"""

from collections.abc import Iterator
from typing import Any

from portable.check.project import Project
from portable.errors import PortableError
from portable.manifests.alarms import ALARMS, ALIAS
from portable.manifests.cloudformation import render
from portable.manifests.problem import Problem, Severity
from portable.manifests.samconfig import OVERRIDES, SAMCONFIG, Section

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MOST_BYTES = 51_200  # of a template that is not in a bucket
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
IDENTITY = ("Role", "Policy", "ManagedPolicy", "User", "Group", "InstanceProfile", "AccessKey")
NAMES = {"RoleName", "ManagedPolicyName", "UserName", "GroupName", "InstanceProfileName"}


def samconfig(project: Project) -> Iterator[Problem]:
    """Yield what `sam deploy` would refuse, ask for, or leave as the last deployment had it."""
    for environment in project.environments:
        for path in project.templates:
            if project.section(path, environment) is None:
                text = f"{SAMCONFIG} has no section that deploys {path} to {environment!r}."
                yield Problem(
                    text, f"Add one, with EnvName = {environment!r} among its parameters."
                )
    for section in project.sections:
        if section.parameters.get("EnvName") not in project.environments:
            continue  # `names` says so if there is no such environment
        template = project.template(section.template)
        yield from _parameters(section, template)
        yield from _values(project, section)
        yield from _settings(project, section, template)
    yield from _stack_names(project)


def _parameters(section: Section, template: dict[str, Any]) -> Iterator[Problem]:
    place = ".".join(section.place)
    declared: dict[str, Any] = template.get("Parameters", {})
    missing = [name for name in declared if name not in section.parameters]
    if missing:
        text = f"{SAMCONFIG}: [{place}] lacks parameters of {section.template}, and `sam deploy` "
        text += "leaves what it lacks as the last deployment had it."
        lines = [f"{name} = {_toml(declared[name].get('Default', ''))}" for name in missing]
        yield Problem(text, f"Add {', '.join(lines)}.")
    if (
        not isinstance(section.settings.get(OVERRIDES, {}), dict)
        and "" in section.parameters.values()
    ):
        text = (
            f"{SAMCONFIG}: {place} has an empty value outside a table: `sam deploy` leaves it out."
        )
        yield Problem(text, f"Write the table [{place}].")
    for name in sorted(section.parameters.keys() - declared.keys()):
        text = f"{SAMCONFIG}: [{place}] has {name}, which is no parameter of {section.template}: "
        text += "`sam deploy` ignores it."
        yield Problem(text, f"Remove it, or name one of {', '.join(declared)}.")


def _toml(value: Any) -> str:
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def _values(project: Project, section: Section) -> Iterator[Problem]:
    """Yield a value that the template refuses; its rules are asserted too."""
    declared = project.template(section.template).get("Parameters", {})
    given = {name: value for name, value in section.parameters.items() if name in declared}
    environment = section.parameters.get("EnvName")
    imports = {f"{project.application}-{environment}-FunctionAlias": ALIAS}
    try:
        render(project.root / section.template, given, imports)
    except PortableError as error:
        place = ".".join(section.place)
        yield Problem(f"{SAMCONFIG}: [{place}]: {error.message}", "Change the parameter.")


def _settings(project: Project, section: Section, template: dict[str, Any]) -> Iterator[Problem]:
    place = f"{SAMCONFIG}: [{section.name}.deploy.parameters]"
    settings = section.settings
    bucket = bool(settings.get("resolve_s3") or settings.get("s3_bucket"))
    image = bool(settings.get("image_repository") or settings.get("image_repositories"))
    resolve = bool(settings.get("resolve_image_repos"))
    if not settings.get("stack_name"):
        table = f"[{section.name}.global.parameters]"
        yield Problem(f"{SAMCONFIG}: {table} has no stack_name.", 'Add stack_name = "…".')
    if _images(template) and not (image or resolve):
        text = f"{place} says not where the image of {section.template} goes."
        yield Problem(text, "Add resolve_image_repos = true.")
    if resolve and not bucket:
        text = f"{place} has resolve_image_repos, which uploads a template, and no bucket for it."
        yield Problem(text, "Add resolve_s3 = true.")
    size = (project.root / section.template).stat().st_size
    if size > MOST_BYTES and not bucket:
        text = f"{section.template} has {size:,} bytes, more than the {MOST_BYTES:,} that "
        text += f"CloudFormation takes without a bucket, and {place} names none."
        yield Problem(text, "Add resolve_s3 = true.")
    yield from _capabilities(section, template, place)
    if settings.get("fail_on_empty_changeset", True):
        text = f"{place} has no fail_on_empty_changeset: a deployment of no change fails."
        yield Problem(text, "Add fail_on_empty_changeset = false.", Severity.WARNING)
    if settings.get("confirm_changeset"):
        text = f"{place} has confirm_changeset: without a terminal the deployment stops."
        yield Problem(text, "Remove it.", Severity.WARNING)


def _capabilities(section: Section, template: dict[str, Any], place: str) -> Iterator[Problem]:
    given = section.settings.get("capabilities", [])
    words = set(given.split() if isinstance(given, str) else given)
    makers = [
        (name, resource.get("Properties", {}))
        for name, resource in template["Resources"].items()
        if _makes_roles(resource)
    ]
    named = [name for name, properties in makers if NAMES & properties.keys()]
    if named and "CAPABILITY_NAMED_IAM" not in words:
        text = f"{section.template}: {named[0]} is an IAM resource with a name of its own, but "
        text += f"{place} has capabilities {given!r}."
        yield Problem(text, 'Set capabilities = "CAPABILITY_NAMED_IAM".')
    elif makers and not words & {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"}:
        text = f"{section.template}: {makers[0][0]} makes an IAM resource, but {place} has "
        yield Problem(f"{text}capabilities {given!r}.", 'Set capabilities = "CAPABILITY_IAM".')


def _makes_roles(resource: dict[str, Any]) -> bool:
    """SAM makes a role for a function that names none, and one for its rollout."""
    kind, properties = str(resource.get("Type")), resource.get("Properties", {})
    if kind == "AWS::Serverless::Function":
        return "Role" not in properties or "DeploymentPreference" in properties
    return kind.startswith("AWS::IAM::") and kind.rpartition("::")[2] in IDENTITY


def _images(template: dict[str, Any]) -> bool:
    return any(
        resource.get("Properties", {}).get("PackageType") == "Image"
        for resource in template["Resources"].values()
    )


def _stack_names(project: Project) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for section in project.sections:
        name = str(section.settings.get("stack_name", ""))
        if name and name in taken:
            text = f"{SAMCONFIG}: stack_name is {name!r} in [{taken[name]}] and in "
            yield Problem(f"{text}[{section.name}].", "Give each its own.")
        taken.setdefault(name, section.name)


def topics(project: Project) -> Iterator[Problem]:
    """Yield the sections whose alarms tell nobody."""
    for environment in project.environments:
        section = project.section(ALARMS, environment)
        declared = project.template(ALARMS).get("Parameters", {})
        if section and "TopicArn" in declared and not section.parameters.get("TopicArn"):
            text = f"{SAMCONFIG}: [{'.'.join(section.place)}] TopicArn is empty: "
            text += f"nobody is told of the alarms of {environment}."
            yield Problem(text, "Name an SNS topic.", Severity.WARNING)
