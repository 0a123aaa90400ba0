"""What several commands share."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import click

from portable.errors import PortableError

Decorated = TypeVar("Decorated", bound=Callable[..., object])


def check_app(_: click.Context, __: click.Parameter, path: str | None) -> str | None:
    """Return the value of --app; raise `PortableError` if it names no attribute."""
    if path and ":" not in path:
        raise PortableError(f"--app is {path!r}, expected MODULE:ATTRIBUTE, as in 'main:app'.")
    return path


def check_url(_: click.Context, option: click.Parameter, url: str | None) -> str | None:
    """Return the URL that an option was given; raise `PortableError` if it is none."""
    if url and not re.fullmatch(r"https?://[^/\s]+(/\S*)?", url):
        message = f"{option.opts[0]} is {url!r}, expected a URL"
        raise PortableError(f"{message}, as in 'http://127.0.0.1:8000'.")
    return url


def _variables(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    return variables("--variable", texts)


def variables(option: str, texts: Iterable[str]) -> dict[str, str]:
    """Return NAME=VALUE pairs, which `option` was given; raise `PortableError` for another form."""
    for text in texts:
        if text.find("=") < 1:
            raise PortableError(f"{option} is {text!r}, expected NAME=VALUE.")
    return dict(text.split("=", 1) for text in texts)


WEIGHT = click.IntRange(0, 999)


def with_environment(help_text: str) -> Callable[[Decorated], Decorated]:
    """Return the option --env; without it, `chosen_environment` says which environment is meant."""
    return click.option(
        "--env", "environment", show_default="the first of samconfig.toml", help=help_text
    )


def variable_option(help_text: str) -> Callable[[Decorated], Decorated]:
    """Return the option --variable, which can be repeated, as a mapping `variables`."""
    return click.option(
        "--variable",
        "variables",
        metavar="NAME=VALUE",
        multiple=True,
        callback=_variables,
        help=help_text,
    )


with_variables = variable_option("Environment variable for both targets; can be repeated.")
with_port = click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="Port of the local run.",
)


def chosen_environment(root: Path, environment: str | None) -> str:
    """Return `environment`, or else the first one of samconfig.toml; raise `PortableError`."""
    # Here, as `--help` need not wait for it.
    from portable.manifests.samconfig import SAMCONFIG, default_environment

    return environment or default_environment(root / SAMCONFIG)


def project_root(start: Path) -> Path:
    """Return the nearest folder at or above `start` with the manifests; raise `PortableError`."""
    for folder in (start, *start.parents):
        if (folder / "template.yaml").exists() and (folder / "samconfig.toml").exists():
            return folder
    raise PortableError(f"there is no template.yaml in {start} or above it.")
