"""What a request to create or update a stack asks for."""

from typing import Any

from tests.aws.errors import AwsError, invalid
from tests.aws.parameters import resolved, values
from tests.aws.region import Region
from tests.aws.schemas import resource_type
from tests.aws.stack import Plan, Stack
from tests.aws.template import (
    SERVERLESS,
    attributes,
    check,
    check_capabilities,
    parse,
    transform,
    transforms,
)


def template_text(region: Region, request: dict[str, Any], stack: Stack | None) -> str:
    """Return the template that a request gives, names by its URL, or keeps."""
    if request.get("UsePreviousTemplate"):
        if stack is None or stack.deployed is None:
            raise invalid("Template and parameters are required for a new stack")
        return stack.deployed.text
    if body := request.get("TemplateBody"):
        if len(body.encode()) > 51_200:
            raise invalid(
                "1 validation error detected: Value at 'templateBody' failed to satisfy "
                "constraint: Member must have length less than or equal to 51200"
            )
        return str(body)
    if url := request.get("TemplateURL"):
        return region.fetch(url)
    raise invalid("Either Template URL or Template Body must be specified.")


def prepare(region: Region, request: dict[str, Any], stack: Stack | None) -> dict[str, Any]:
    """Return the parsed template once text, parameters and capabilities pass; raises AwsError.

    What a transform makes of it is checked by `plan`, as a change set is made.
    """
    template = parse(template_text(region, request, stack))
    previous = stack.deployed.parameters if stack and stack.deployed else None
    values(template.get("Parameters", {}), request.get("Parameters", []), previous)
    if not transforms(template):
        _check_types(region, template)
        check(template)
        check_capabilities(template, request.get("Capabilities", []))
    return template


def plan(region: Region, request: dict[str, Any], stack: Stack) -> Plan:
    """Return what a stack shall be made from; raises AwsError."""
    text = template_text(region, request, stack)
    template = parse(text)
    before = stack.deployed
    declared = template.get("Parameters", {})
    given = values(declared, request.get("Parameters", []), before.parameters if before else None)
    answers = resolved(declared, given, region.resolve)
    capabilities = request.get("Capabilities", [])
    is_transformed = bool(transforms(template))
    template = transform(template, answers, region.name)
    _check_types(region, template)
    check(template)
    check_capabilities(template, capabilities)
    region.evaluator(stack, template, answers).check_rules()
    tags = request.get("Tags")
    return Plan(
        text=text,
        template=template,
        values=answers,
        parameters=given,
        tags={item["Key"]: item["Value"] for item in tags}
        if tags is not None
        else (before.tags if before else {}),
        capabilities=capabilities,
        rollback=_kept(request, "RollbackConfiguration", before.rollback if before else {}),
        notifications=_kept(request, "NotificationARNs", before.notifications if before else []),
        role=request.get("RoleARN") or (before.role if before else None),
        disable_rollback=bool(request.get("DisableRollback"))
        or request.get("OnFailure") == "DO_NOTHING"
        or request.get("OnStackFailure") == "DO_NOTHING",
        on_failure=request.get("OnFailure") or request.get("OnStackFailure"),
        transformed=is_transformed,
    )


def needs_auto_expand(template: dict[str, Any], capabilities: list[str]) -> None:
    """Raise InsufficientCapabilitiesException where a macro would run with no change set."""
    if transforms(template) and "CAPABILITY_AUTO_EXPAND" not in capabilities:
        text = "Requires capabilities : [CAPABILITY_AUTO_EXPAND]"
        raise AwsError("InsufficientCapabilitiesException", text)


def summary(template: dict[str, Any]) -> dict[str, Any]:
    """Return what GetTemplateSummary and ValidateTemplate say of a template."""
    answer: dict[str, Any] = {
        "Parameters": [
            _declared(key, item) for key, item in template.get("Parameters", {}).items()
        ],
        "DeclaredTransforms": transforms(template),
    }
    if "Description" in template:
        answer["Description"] = template["Description"]
    try:
        if SERVERLESS not in transforms(template):
            check_capabilities(template, [])
    except AwsError as error:
        needed = error.message.split("[")[1].rstrip("]")
        answer |= {
            "Capabilities": [needed],
            "CapabilitiesReason": "The following resource(s) "
            "require capabilities: [AWS::IAM::Role]",
        }
    return answer


def _declared(key: str, item: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "ParameterKey": key,
        "ParameterType": item["Type"],
        "NoEcho": str(item.get("NoEcho", "")).lower() == "true",
    }
    if "Default" in item:
        answer["DefaultValue"] = str(item["Default"])
    if "Description" in item:
        answer["Description"] = item["Description"]
    return answer


def _kept(request: dict[str, Any], key: str, before: Any) -> Any:
    return request[key] if request.get(key) is not None else before


def _check_types(region: Region, template: dict[str, Any]) -> None:
    kinds = dict.fromkeys(item["Type"] for item in template["Resources"].values())
    if unknown := [kind for kind in kinds if resource_type(kind, region.name) is None]:
        text = f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]"
        raise invalid(text)
    for section in ("Resources", "Outputs"):
        for name, leaf in attributes(template.get(section, {})):
            if (owner := template["Resources"].get(name)) is None:
                continue  # `check` says so
            kind = resource_type(owner["Type"], region.name)
            if kind is not None and isinstance(leaf, str) and not kind.has_attribute(leaf):
                raise invalid(
                    f"Template error: resource {name} does not support attribute type {leaf} in "
                    "Fn::GetAtt"
                )
