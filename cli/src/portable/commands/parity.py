"""`portable parity`: what both targets answer differently."""

import asyncio
import sys
from pathlib import Path

import click

from portable.commands.options import (
    check_app,
    chosen_environment,
    project_root,
    with_environment,
    with_variables,
)
from portable.request_headers import RequestHeader, with_request_headers


@click.command(short_help="Show what both targets answer differently.")
@click.option(
    "--app",
    metavar="MODULE:ATTRIBUTE",
    callback=check_app,
    help="Compare this ASGI app; else the project's.",
)
@with_environment("Environment to run.")
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
@click.option(
    "--expect-errors",
    metavar="'METHOD /path'",
    multiple=True,
    help="An operation that may answer errors alone; can be repeated.",
)
@with_request_headers
@with_variables
def parity(
    app: str | None,
    environment: str | None,
    examples: int,
    seed: int | None,
    exclude: tuple[str, ...],
    schema: str,
    paths: tuple[str, ...],
    expect_errors: tuple[str, ...],
    headers: list[RequestHeader],
    named_headers: list[RequestHeader],
    variables: dict[str, str],
) -> None:
    """Send the same requests to both targets and show what they answer differently.

    The requests are generated from the app's OpenAPI schema. The exit status is 1 where an
    answer differs each time, which is what one that is not deterministic does not, and where an
    operation answers errors alone, as without credentials. What the requests write is not undone.
    """
    from rich.console import Console

    from portable.local.run import Options
    from portable.parity.comparison import Plan, compare_until_signal
    from portable.parity.report import show

    root = project_root(Path.cwd())
    options = Options(
        root=root,
        environment=chosen_environment(root, environment),
        app=app,
        variables=variables,
    )
    plan = Plan(
        schema=schema,
        paths=paths,
        exclude=exclude,
        examples=examples,
        seed=seed,
        headers=[*headers, *named_headers],
        errors_expected=expect_errors,
    )
    report = asyncio.run(compare_until_signal(options, plan))
    show(report, Console(width=None if sys.stdout.isatty() else 120))
    sys.exit(1 if report.differences or report.errors_only else 0)
