"""The command line."""

import asyncio
import sys
from pathlib import Path

import click

from portable.errors import PortableError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="portable-api")
def main() -> None:
    """Run one FastAPI codebase on AWS Lambda and on ECS Fargate."""


def _app(_: click.Context, __: click.Parameter, path: str | None) -> str | None:
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


@main.command()
@with_environment
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: any."
)
@click.option("--lambda-weight", type=WEIGHT, help="Instead of LambdaWeight in samconfig.toml.")
@click.option("--fargate-weight", type=WEIGHT, help="Instead of FargateWeight in samconfig.toml.")
@click.option(
    "--app", metavar="MODULE:ATTRIBUTE", callback=_app, help="Run this ASGI app on both targets."
)
@with_variables
@click.option("--docker", is_flag=True, help="Run both targets from the image of `sam build`.")
@click.option(
    "--max-sandboxes",
    default=10,
    show_default=True,
    type=click.IntRange(1),
    help="Concurrency of the function; beyond it requests are throttled.",
)
@click.option("--quiet", is_flag=True, help="Do not show what the app writes.")
def run(
    environment: str,
    port: int,
    lambda_weight: int | None,
    fargate_weight: int | None,
    app: str | None,
    variables: dict[str, str],
    docker: bool,
    max_sandboxes: int,
    quiet: bool,
) -> None:
    """Bring up both targets behind a stand-in for the load balancer's listener.

    What runs is read from template.yaml, copilot/ and alb/template.yaml in this folder or the
    nearest one above it. It is for a developer's machine; production is the real load balancer.
    """
    # Only what this command needs is imported, and only when it runs.
    from portable.run import Options, run_until_signal
    from portable.view import LiveView, PlainView

    if app and docker:
        raise PortableError("--app and --docker exclude each other: the image has its own app.")
    weights = {"LambdaWeight": lambda_weight, "FargateWeight": fargate_weight}
    options = Options(
        root=project_root(Path.cwd()),
        environment=environment,
        port=port,
        weights={name: weight for name, weight in weights.items() if weight is not None},
        app=app,
        docker=docker,
        max_sandboxes=max_sandboxes,
        variables=variables,
    )
    view = LiveView(quiet) if sys.stdout.isatty() else PlainView(quiet)
    asyncio.run(run_until_signal(options, view))


@main.command()
@click.option(
    "--app",
    metavar="MODULE:ATTRIBUTE",
    callback=_app,
    help="Compare this ASGI app; else the project's.",
)
@with_environment
@click.option(
    "--examples",
    default=20,
    show_default=True,
    type=click.IntRange(1),
    help="Requests to generate for each operation.",
)
@click.option("--seed", type=click.IntRange(0), help="To repeat a run; printed at its end.")
@click.option(
    "--exclude",
    metavar="'METHOD /path'",
    multiple=True,
    help="An operation as the schema has it, not to be requested; can be repeated.",
)
@click.option(
    "--schema",
    metavar="PATH",
    default="/openapi.json",
    show_default=True,
    help="Where the app answers with its OpenAPI schema.",
)
@click.option(
    "--path",
    "paths",
    metavar="PATH",
    multiple=True,
    help="Instead of a schema: a path for GET and HEAD requests; can be repeated.",
)
@with_variables
def parity(
    app: str | None,
    environment: str,
    examples: int,
    seed: int | None,
    exclude: tuple[str, ...],
    schema: str,
    paths: tuple[str, ...],
    variables: dict[str, str],
) -> None:
    """Send the same requests to both targets and show what they answer differently.

    The requests are generated from the app's OpenAPI schema. The exit status is 1 where an
    answer differs each time, which is what one that is not deterministic does not.
    """
    from rich.console import Console

    from portable.parity import Plan, compare_until_signal
    from portable.parity_report import show
    from portable.run import Options

    options = Options(
        root=project_root(Path.cwd()),
        environment=environment,
        app=app,
        variables=variables,
    )
    plan = Plan(schema, paths, exclude, examples, seed)
    report = asyncio.run(compare_until_signal(options, plan))
    show(report, Console(width=None if sys.stdout.isatty() else 120))
    sys.exit(1 if report.differences else 0)


def project_root(start: Path) -> Path:
    """Return the nearest folder at or above `start` with the manifests; raise `PortableError`."""
    for folder in (start, *start.parents):
        if (folder / "template.yaml").exists() and (folder / "samconfig.toml").exists():
            return folder
    raise PortableError(f"there is no template.yaml in {start} or above it.")


if __name__ == "__main__":
    main()
