"""Names: of the application, of its service and of its environments, each the same everywhere."""

from collections.abc import Iterator
from typing import Any

from portable.check.project import ENVIRONMENTS, Project, folders
from portable.manifests.problem import Problem
from portable.manifests.reader import read_yaml
from portable.manifests.samconfig import SAMCONFIG
from portable.manifests.system import WORKSPACE


def names(project: Project) -> Iterator[Problem]:
    """Yield where a name is not that of the folder, the workspace or the environment."""
    yield from _environments(project)
    yield from _services(project)
    yield from _application(project)


def _environments(project: Project) -> Iterator[Problem]:
    known = folders(project.root)
    for environment in project.environments:
        path = f"{ENVIRONMENTS}/{environment}/manifest.yml"
        if not (project.root / path).exists():
            text = f"There is no {path}, but {environment!r} is an environment."
            yield Problem(text, f"Make it with `copilot env init --name {environment}`.")
            continue
        given = _read(project, path).get("name")
        if given != environment:
            text = f"{path}: name is {given!r}, but its folder is {environment!r}."
            yield Problem(text, f"Set name: {environment}.")
    for section in project.sections:
        place = f"{SAMCONFIG}: [{section.name}] EnvName"
        given = section.parameters.get("EnvName")
        if given is None:
            text = f"{place} is not given, so that no environment is deployed to."
            yield Problem(text, f"Add it: one of {', '.join(known)}.")
        elif given not in known:
            text = f"{place} is {given!r}, but {ENVIRONMENTS}/ has no such folder."
            yield Problem(text, f"Name one of {', '.join(known)}, or add the folder.")


def _services(project: Project) -> Iterator[Problem]:
    for service in project.services:
        path = f"copilot/{service}/manifest.yml"
        manifest = _read(project, path)
        if manifest.get("name") != service:
            text = f"{path}: name is {manifest.get('name')!r}, but its folder is {service!r}."
            yield Problem(text, f"Set name: {service}, or rename the folder.")
        for environment in manifest.get("environments") or {}:
            if environment not in folders(project.root):
                text = f"{path}: environments.{environment} is of no environment: "
                text += f"{ENVIRONMENTS}/{environment} does not exist."
                yield Problem(text, "Add the folder, or remove the key.")


def _application(project: Project) -> Iterator[Problem]:
    for section in project.sections:
        default = project.template(section.template).get("Parameters", {}).get("AppName")
        if "AppName" in section.parameters:
            place = f"{SAMCONFIG}: [{section.name}] AppName"
            given = section.parameters["AppName"]
        elif isinstance(default, dict):
            place = f"{section.template}: Parameters.AppName"
            given = str(default.get("Default"))
        else:
            continue
        if given != project.application:
            text = f"{place} is {given!r}, but {WORKSPACE}: application is {project.application!r}."
            yield Problem(text, "Give both the same: it is part of every export's name.")


def _read(project: Project, path: str) -> dict[str, Any]:
    manifest = read_yaml(project.root, path)
    return manifest if isinstance(manifest, dict) else {}
