"""What several commands share."""

from pathlib import Path

import click

from portable.errors import PortableError


def check_app(_: click.Context, __: click.Parameter, path: str | None) -> str | None:
    """Return the value of --app; raise `PortableError` if it names no attribute."""
    if path and ":" not in path:
        raise PortableError(f"--app is {path!r}, expected MODULE:ATTRIBUTE, as in 'main:app'.")
    return path


def _variables(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    for text in texts:
        if text.find("=") < 1:
            raise PortableError(f"--variable is {text!r}, expected NAME=VALUE.")
    return dict(text.split("=", 1) for text in texts)


WEIGHT = click.IntRange(0, 999)
with_environment = click.option(
    "--env", "environment", default="test", show_default=True, help="Environment to run."
)
with_variables = click.option(
    "--variable",
    "variables",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_variables,
    help="Environment variable for both targets; can be repeated.",
)
with_port = click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="Port of the local run.",
)


def project_root(start: Path) -> Path:
    """Return the nearest folder at or above `start` with the manifests; raise `PortableError`."""
    for folder in (start, *start.parents):
        if (folder / "template.yaml").exists() and (folder / "samconfig.toml").exists():
            return folder
    raise PortableError(f"there is no template.yaml in {start} or above it.")
