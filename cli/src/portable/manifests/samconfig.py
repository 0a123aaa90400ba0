"""The one reader of samconfig.toml: what `sam deploy` is given in each of its sections.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
"""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from portable.errors import PortableError

SAMCONFIG = "samconfig.toml"
FUNCTION = "template.yaml"
OVERRIDES = "parameter_overrides"


@dataclass(frozen=True)
class Section:
    """What `sam deploy --config-env NAME` is given: its settings, and the stack's parameters."""

    name: str
    settings: dict[str, Any]
    parameters: dict[str, str]
    place: tuple[str, ...]  # of the parameters in the file: keys from the top

    @property
    def template(self) -> str:
        """The template that it deploys, relative to the folder of samconfig.toml."""
        return str(PurePosixPath(self.settings.get("template_file", FUNCTION)))


class Samconfig:
    """The file at `path`; `document` is what it holds, comments and order included.

    Raises `PortableError` for a file that cannot be read or is not TOML.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = os.path.relpath(path)
        try:
            with path.open(newline="") as file:
                self.document = tomlkit.parse(file.read())
        except OSError as error:
            raise PortableError(f"cannot read {self.name}: {error.strerror}.") from None
        except (TOMLKitError, UnicodeDecodeError) as error:
            raise PortableError(f"{self.name} is not TOML: {error}.") from None

    def sections(self) -> Iterator[Section]:
        """Yield every section that deploys; its own settings go before its global ones, as in SAM.

        Raises `PortableError` for a `parameter_overrides` that SAM would refuse.
        """
        for name, commands in self.document.unwrap().items():
            own = _settings(commands, "deploy")
            settings = _settings(commands, "global") | own
            if not settings:
                continue
            command = "deploy" if OVERRIDES in own or OVERRIDES not in settings else "global"
            place = (name, command, "parameters", OVERRIDES)
            value = settings.get(OVERRIDES, {})
            try:
                parameters = _parameters(value)
            except (ValueError, TypeError):
                message = f"{self.name}: {'.'.join(place)} is {value!r}"
                raise PortableError(f"{message}, expected Name=Value pairs.") from None
            yield Section(name, settings, parameters, place)

    def section(self, template: str, environment: str) -> Section:
        """Return the one that deploys `template` with the parameter EnvName of `environment`.

        Raises `PortableError`, naming those that there are, if there is none.
        """
        known = []
        for section in self.sections():
            if section.template == template:
                if section.parameters.get("EnvName") == environment:
                    return section
                known.append(f"{section.parameters.get('EnvName')!r} ({section.name})")
        message = f"{self.name} deploys {template} to {', '.join(known) or 'nowhere'}"
        raise PortableError(f"{message}, not to {environment!r}.")

    def environments(self) -> list[str]:
        """Return the environments that the function is deployed to, in the order of the file."""
        found = (s.parameters.get("EnvName") for s in self.sections() if s.template == FUNCTION)
        return [name for name in found if name]

    def save(self) -> None:
        """Write `document` back in one step, so that a full disk leaves the file whole.

        Raises `OSError`.
        """
        temporary = self.path.with_name(f".{self.path.name}.new")
        try:
            temporary.write_text(tomlkit.dumps(self.document), newline="")
            temporary.chmod(self.path.stat().st_mode)
            temporary.replace(self.path.resolve())
        finally:
            temporary.unlink(missing_ok=True)


def default_environment(path: Path) -> str:
    """Return the first environment of the file at `path`.

    Raises `PortableError` as `Samconfig` does, and if there is none.
    """
    samconfig = Samconfig(path)
    for environment in samconfig.environments():
        return environment
    message = f"{samconfig.name} deploys {FUNCTION} to no environment"
    raise PortableError(f"{message}, expected a parameter EnvName.")


def deploy_parameters(path: Path, template: str, environment: str) -> dict[str, str]:
    """Return what the file at `path` gives `sam deploy` for `template` in `environment`.

    Raises `PortableError` as `Samconfig` does.
    """
    return Samconfig(path).section(template, environment).parameters


def _settings(commands: Any, command: str) -> dict[str, Any]:
    found = commands.get(command) if isinstance(commands, dict) else None
    settings = found.get("parameters") if isinstance(found, dict) else None
    return settings if isinstance(settings, dict) else {}


def _parameters(value: Any) -> dict[str, str]:
    """Return `parameter_overrides` as a table, a list or one string has them."""
    if isinstance(value, dict):
        return {
            name: ",".join(map(str, item)) if isinstance(item, list) else str(item)
            for name, item in value.items()
        }
    words = shlex.split(value) if isinstance(value, str) else value
    return dict(word.split("=", 1) for word in words)
