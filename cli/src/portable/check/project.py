"""The project that is checked: what its folder holds, read once."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from portable.errors import PortableError
from portable.manifests.alarms import ALARMS
from portable.manifests.copilot_manifest import services
from portable.manifests.reader import read_yaml
from portable.manifests.samconfig import SAMCONFIG, Samconfig, Section
from portable.manifests.system import ALB, SAM, WORKSPACE, System, load
from portable.manifests.template import read_template

ENVIRONMENTS = "copilot/environments"


@dataclass(frozen=True)
class Project:
    """The folder `root` and the environments to check; what they need is read when asked for."""

    root: Path
    environments: tuple[str, ...]
    rendered: Path  # a folder for what Copilot renders
    _templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    _systems: dict[str, System] = field(default_factory=dict)

    @cached_property
    def application(self) -> str:
        """The application's name in copilot/.workspace."""
        workspace = read_yaml(self.root, WORKSPACE)
        if not isinstance(workspace, dict) or not isinstance(workspace.get("application"), str):
            raise PortableError(f"{WORKSPACE} has no application.")
        return str(workspace["application"])

    @cached_property
    def services(self) -> tuple[str, ...]:
        """The names of the folders of services behind the load balancer."""
        return tuple(path.split("/")[1] for path in services(self.root))

    @cached_property
    def sections(self) -> list[Section]:
        """The sections of samconfig.toml."""
        return list(Samconfig(self.root / SAMCONFIG).sections())

    @cached_property
    def templates(self) -> tuple[str, ...]:
        """The templates that `sam` deploys, by their paths, in the order in which it does.

        What is none of the three comes first, as that of the data: both sides import it.
        """
        known = [SAM, ALB, ALARMS]
        found = {section.template for section in self.sections}
        return (*sorted(found.difference(known)), *known)

    def template(self, path: str) -> dict[str, Any]:
        """Return the template at `path`, with its intrinsic functions."""
        if path not in self._templates:
            self._templates[path] = read_template(self.root, path)
        return self._templates[path]

    def system(self, environment: str) -> System:
        """Return what the manifests describe for `environment`, with the weights that they have."""
        if environment not in self._systems:
            self._systems[environment] = load(self.root, environment, {})
        return self._systems[environment]

    def section(self, template: str, environment: str) -> Section | None:
        """Return the section that deploys `template` to `environment`."""
        for section in self.sections:
            if (section.template, section.parameters.get("EnvName")) == (template, environment):
                return section
        return None


def folders(root: Path) -> tuple[str, ...]:
    """Return the names of the environments that have a folder."""
    return tuple(
        sorted(
            path.name
            for path in (root / ENVIRONMENTS).glob("*")
            if path.is_dir() and path.name != "overrides"
        )
    )
