"""`portable run`: both targets behind the listener, on this machine."""

import asyncio
import os
import sys
from pathlib import Path

import click

from portable.commands.options import (
    WEIGHT,
    check_app,
    check_url,
    chosen_environment,
    project_root,
    with_environment,
    with_variables,
)
from portable.errors import PortableError


@click.command(short_help="Bring up both targets behind a stand-in for the listener.")
@with_environment("Environment to run.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: any."
)
@click.option("--lambda-weight", type=WEIGHT, help="Instead of LambdaWeight in samconfig.toml.")
@click.option("--fargate-weight", type=WEIGHT, help="Instead of FargateWeight in samconfig.toml.")
@click.option(
    "--app",
    metavar="MODULE:ATTRIBUTE",
    callback=check_app,
    help="Run this ASGI app, found from this folder, with the packages installed here.",
)
@with_variables
@click.option("--docker", is_flag=True, help="Run both targets from the image of `sam build`.")
@click.option(
    "--max-sandboxes",
    default=20,
    show_default=True,
    type=click.IntRange(1),
    help="Concurrency of the function; beyond it requests are throttled.",
)
@click.option(
    "--alarm-period",
    metavar="SECONDS",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0.1, 60),
    help="How long a minute of the alarms takes here.",
)
@click.option("--reload", is_flag=True, help="Restart both sides when files of the app change.")
@click.option(
    "--debug",
    is_flag=True,
    help="One process for both sides, with this terminal: breakpoint() works.",
)
@click.option("--failover", is_flag=True, help='As with Failover = "enabled" in samconfig.toml.')
@click.option(
    "--data-endpoint",
    metavar="URL",
    callback=check_url,
    help="A DynamoDB of one's own instead of the one that comes with the local run.",
)
@click.option("--quiet", is_flag=True, help="Do not show what the app writes.")
@click.option(
    "--verbose",
    is_flag=True,
    help="Show every line that targets write: request rows, health checks, the servers' own.",
)
def run(
    environment: str | None,
    port: int,
    lambda_weight: int | None,
    fargate_weight: int | None,
    app: str | None,
    variables: dict[str, str],
    docker: bool,
    max_sandboxes: int,
    alarm_period: float,
    failover: bool,
    reload: bool,
    debug: bool,
    data_endpoint: str | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Bring up both targets behind a stand-in for the load balancer's listener.

    What runs is read from template.yaml, copilot/ and alb/template.yaml in this folder or the
    nearest one above it. It is for a developer's machine; production is the real load balancer.
    """
    from portable.local.lines import Detail
    from portable.local.run import Options, run_until_signal
    from portable.local.view.live import LiveView
    from portable.local.view.plain import PlainView

    if debug and (docker or reload):
        raise PortableError("--debug excludes --docker and --reload.")
    if reload and docker:
        raise PortableError("--reload and --docker exclude each other: make the image anew.")
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed, as by `>&-`
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - as long as the run
    if quiet and verbose:
        raise PortableError("--quiet and --verbose exclude each other.")
    if app and docker:
        raise PortableError("--app and --docker exclude each other: the image has its own app.")
    weights = {"LambdaWeight": lambda_weight, "FargateWeight": fargate_weight}
    root = project_root(Path.cwd())
    options = Options(
        root=root,
        environment=chosen_environment(root, environment),
        port=port,
        weights={name: weight for name, weight in weights.items() if weight is not None},
        app=app,
        docker=docker,
        max_sandboxes=max_sandboxes,
        variables=variables,
        alarm_period=alarm_period,
        failover=failover,
        reload=reload,
        debug=debug,
        data_endpoint=data_endpoint,
    )
    detail = Detail.QUIET if quiet else Detail.VERBOSE if verbose else Detail.NORMAL
    view = LiveView(detail) if sys.stdout.isatty() and not debug else PlainView(detail)
    asyncio.run(run_until_signal(options, view))
