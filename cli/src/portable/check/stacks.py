"""The stacks of an environment: what each exports and imports, and the command that makes it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from portable.check.project import Project
from portable.manifests.problem import Problem
from portable.manifests.samconfig import Section
from portable.manifests.template import read_template


@dataclass(frozen=True)
class Stack:
    """One stack: `source` is the file that it comes from, `command` deploys it."""

    name: str
    source: str
    command: str
    delete: str
    exports: frozenset[str]
    imports: frozenset[str]


def stacks(project: Project, environment: str) -> list[Stack]:
    """Return the stacks of `environment`, in the order in which they are deployed.

    What Copilot renders has to be in the project's folder for it.
    """
    application = f"{project.application}-{environment}"
    found = [
        _stack(
            application,
            f"copilot/environments/{environment}/manifest.yml",
            f"copilot env deploy --name {environment}",
            f"copilot env delete --name {environment}",
            read_template(project.rendered, f"{environment}.env.yml"),
            {},
        )
    ]
    for path in project.templates:
        section = project.section(path, environment)
        if section and "stack_name" in section.settings:
            name, given = str(section.settings["stack_name"]), section.parameters
            commands = (_sam("deploy", section), _sam("delete", section))
            found.append(_stack(name, path, *commands, project.template(path), given))
    for service in project.services:
        given = _parameters(project, f"{service}-{environment}.params.json")
        found.append(
            _stack(
                f"{application}-{service}",
                f"copilot/{service}",
                f"copilot svc deploy --name {service} --env {environment}",
                f"copilot svc delete --name {service} --env {environment}",
                read_template(project.rendered, f"{service}-{environment}.stack.yml"),
                given,
            )
        )
    return found


def unknown_imports(project: Project) -> Iterator[Problem]:
    """Yield each import that no stack of the same environment exports."""
    for environment in project.environments:
        found = stacks(project, environment)
        exported = {name for stack in found for name in stack.exports}
        for stack in found:
            for name in sorted(stack.imports - exported):
                text = f"{stack.source} imports {name!r} in {environment}, but no stack exports it."
                yield Problem(text, "Export it, or import one that is exported.")


def _sam(command: str, section: Section) -> str:
    """Return the command for the stack of `section`."""
    return f"sam {command}" + ("" if section.name == "default" else f" --config-env {section.name}")


def _stack(
    name: str,
    source: str,
    command: str,
    delete: str,
    template: dict[str, Any],
    given: Mapping[str, str],
) -> Stack:
    values = {
        key: str(parameter["Default"])
        for key, parameter in template.get("Parameters", {}).items()
        if "Default" in parameter
    }
    values |= dict(given) | {"AWS::StackName": name}
    exports = {
        resolved(output["Export"]["Name"], values)
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }
    imports = {resolved(item, values) for item in _imports(template)}
    known = [frozenset(item for item in names if item) for names in (exports, imports)]
    return Stack(name, source, command, delete, *known)


def _imports(value: Any) -> Iterator[Any]:
    """Yield the argument of each `Fn::ImportValue`, wherever it is."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "Fn::ImportValue":
                yield item
            else:
                yield from _imports(item)
    elif isinstance(value, list):
        for item in value:
            yield from _imports(item)


def resolved(value: Any, values: Mapping[str, str]) -> str:
    """Return the name that `value` is; nothing where only a deployment knows it."""
    if isinstance(value, dict) and value.keys() == {"Fn::Sub"}:
        text, own = value["Fn::Sub"], {}
        if isinstance(text, list):
            text, own = text
        known = {**values, **own}
        text = re.sub(r"\$\{([\w:]+)\}", lambda match: str(known.get(match[1], match[0])), text)
        return "" if "${" in text else str(text)
    if isinstance(value, dict) and value.keys() == {"Ref"}:
        return values.get(value["Ref"], "")
    return value if isinstance(value, str) else ""


def _parameters(project: Project, name: str) -> dict[str, str]:
    values: dict[str, str] = json.loads((project.rendered / name).read_text())["Parameters"]
    return values
