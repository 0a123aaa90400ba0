"""Whether samconfig.toml tells `sam deploy` all that it needs to know."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from portable.manifests.reader import read_yaml
from portable.manifests.samconfig import OVERRIDES, SAMCONFIG, Samconfig, Section

FUNCTION = "AWS::Serverless::Function"
WITH_ROLES = {FUNCTION, "AWS::IAM::Role"}


def faults(root: Path) -> list[str]:
    """Return a sentence for each fault of samconfig.toml below `root`; none if it is complete.

    Each section has to list every parameter of its template: `sam deploy` sends UsePreviousValue
    for one that is not listed, so that to delete a line changes nothing. Each environment needs a
    section for every template. Raises `PortableError` for a file that cannot be read.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html
    """
    sections = list(Samconfig(root / SAMCONFIG).sections())
    found = [fault for section in sections for fault in _faults(root, section)]
    pairs = {(section.template, section.parameters.get("EnvName", "")) for section in sections}
    for template in sorted({template for template, _ in pairs}):
        for name in sorted({name for _, name in pairs} - {""}):
            if (template, name) not in pairs:
                found.append(f"{SAMCONFIG} has no section that deploys {template} to {name!r}.")
    return found


def _faults(root: Path, section: Section) -> Iterator[str]:
    place, settings, template = f"{SAMCONFIG}: {section.name}", section.settings, section.template
    content = read_yaml(root, template, tags=True) or {}
    kinds = {resource.get("Type") for resource in content.get("Resources", {}).values()}
    if not settings.get("stack_name"):
        yield f"{place} has no stack_name."
    if kinds & WITH_ROLES and not settings.get("capabilities"):
        yield f'{place} has no capabilities = "CAPABILITY_IAM", but {template} makes roles.'
    if FUNCTION in kinds:
        yield from _image_faults(place, settings)
    yield from _parameter_faults(section, content.get("Parameters", {}))


def _image_faults(place: str, settings: dict[str, Any]) -> Iterator[str]:
    keys = ("resolve_image_repos", "image_repository", "image_repositories")
    if not any(settings.get(key) for key in keys):
        yield f"{place} has no resolve_image_repos = true: there is nowhere to push the image."
    if not any(settings.get(key) for key in ("resolve_s3", "s3_bucket")):
        yield f"{place} has no resolve_s3 = true: `sam deploy` refuses to go without a bucket."


def _parameter_faults(section: Section, declared: dict[str, Any]) -> Iterator[str]:
    place = f"{SAMCONFIG}: {'.'.join(section.place)}"
    given = section.settings.get(OVERRIDES, {})
    if not isinstance(given, dict):
        # Name= in a string is left out, and in a list refused.
        yield f"{place} is {given!r}, expected a table: in other notations no value can be empty."
    for name in declared:
        if name not in section.parameters:
            message = f"{place} lacks {name}, a parameter of {section.template}"
            yield f"{message}: `sam deploy` would keep the value of the last deployment."
    for name in section.parameters:
        if name not in declared:
            yield f"{place} has {name}, which {section.template} does not have."
