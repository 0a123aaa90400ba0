"""The names by which an account knows what one environment of the service is made of."""

from dataclasses import dataclass
from pathlib import Path

from portable.errors import PortableError
from portable.manifests.samconfig import SAMCONFIG, Samconfig, Section


@dataclass(frozen=True)
class Service:
    """One environment of an application: the sections that deploy to it, and the account's shell.

    `region` and `profile` are those of samconfig.toml, None for the shell's own.
    """

    application: str
    environment: str
    sections: tuple[Section, ...]
    region: str | None
    profile: str | None
    copilot_services: tuple[str, ...]

    def stacks(self) -> dict[str, str]:
        """Return the stacks that `sam` deploys, each with the command that deletes it."""
        return {
            str(section.settings["stack_name"]): _delete(section.name)
            for section in reversed(self.sections)
            if "stack_name" in section.settings
        }

    def companions(self) -> dict[str, str]:
        """Return the stack in which SAM keeps the repositories of images, by the one it is of."""
        from samcli.lib.bootstrap.companion_stack.data_types import CompanionStack

        return {name: str(CompanionStack(name).stack_name) for name in self.stacks()}


def _delete(section: str) -> str:
    return "sam delete" if section == "default" else f"sam delete --config-env {section}"


def service(root: Path, environment: str) -> Service:
    """Return what `root`/samconfig.toml deploys to `environment`.

    The application's name is AppName there, as copilot/.workspace may be gone by now. Raises
    `PortableError` for a file that cannot be read, deploys nothing there or does not name it.
    """
    samconfig = Samconfig(root / SAMCONFIG)
    sections = tuple(
        section
        for section in samconfig.sections()
        if section.parameters.get("EnvName") == environment
    )
    if not sections:
        known = ", ".join(map(repr, samconfig.environments())) or "nowhere"
        raise PortableError(f"{samconfig.name} deploys to {known}, not to {environment!r}.")
    names = {
        section.parameters["AppName"] for section in sections if "AppName" in section.parameters
    }
    if len(names) != 1:
        found = ", ".join(sorted(map(repr, names))) or "missing"
        raise PortableError(f"{samconfig.name}: AppName of {environment} is {found}, expected one.")
    settings = [section.settings for section in sections]
    return Service(
        application=names.pop(),
        environment=environment,
        sections=sections,
        region=next((str(each["region"]) for each in settings if "region" in each), None),
        profile=next((str(each["profile"]) for each in settings if "profile" in each), None),
        copilot_services=tuple(
            sorted(path.parent.name for path in root.glob("copilot/*/manifest.yml"))
        ),
    )
