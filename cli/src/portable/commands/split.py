"""`portable split`: which side answers how often."""

import asyncio
import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portable.commands.options import WEIGHT, chosen_environment, project_root, with_environment
from portable.errors import PortableError
from portable.request_headers import RequestHeader, with_request_headers

if TYPE_CHECKING:
    import httpx

    from portable.split.expected import Expected
    from portable.weights import Weights


@click.command(short_help="Show which side answers how many of the requests.")
@click.argument("url", default="http://127.0.0.1:8080")
@click.option(
    "-n",
    "--requests",
    default=200,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="GET requests to count; one more goes first as a trial.",
)
@click.option(
    "-c",
    "--concurrency",
    default=10,
    show_default=True,
    type=click.IntRange(1, 256),
    help="Requests at a time.",
)
@click.option(
    "--timeout",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Seconds for a request, from the connection to the end of its body.",
)
@click.option(
    "--side-header",
    metavar="NAME",
    help="Response header that names the side, with the word lambda, ecs or fargate; "
    "else x-portable-side does, or the body.",
)
@with_request_headers
@with_environment("Environment whose weights in samconfig.toml are expected, if nothing else is.")
@click.option("--lambda-weight", type=WEIGHT, help="Expect this weight; needs --fargate-weight.")
@click.option("--fargate-weight", type=WEIGHT, help="Expect this weight; needs --lambda-weight.")
@click.option(
    "--confidence",
    default=99.0,
    show_default=True,
    type=click.FloatRange(50, 100, max_open=True),
    help="Percent; at 99 one in 100 good splits is called a misfit.",
)
@click.option("--insecure", is_flag=True, help="Accept any TLS certificate.")
@click.option("--json", "as_json", is_flag=True, help="The result as one JSON object.")
def split(
    url: str,
    requests: int,
    concurrency: int,
    timeout: float,
    side_header: str | None,
    headers: list[RequestHeader],
    named_headers: list[RequestHeader],
    environment: str | None,
    lambda_weight: int | None,
    fargate_weight: int | None,
    confidence: float,
    insecure: bool,
    as_json: bool,
) -> None:
    """Send requests to URL and show which side answered how many, against the weights.

    Expected are the weights of the options; else those of the local run that listens there; else
    those in samconfig.toml. The exit status is 0 if they are likely to give what was observed and
    every request was answered by a known side without a 5xx.
    """
    from rich.console import Console

    from portable.split.expected import given
    from portable.split.report import Report, progress, show, write_json
    from portable.split.requests import Plan, measure_until_interrupt, parse_url, shown
    from portable.split.verdict import FITS, Split, Tally

    plan = Plan(
        url=parse_url(url),
        requests=requests,
        concurrency=concurrency,
        timeout=timeout,
        side_header=side_header,
        insecure=insecure,
        headers=[*headers, *named_headers],
    )
    chosen = given(lambda_weight, fargate_weight)
    expected = chosen or _expected(plan.url, environment)
    tally = Tally()
    started = time.perf_counter()
    with progress(requests, sys.stderr) as advance:
        finished = asyncio.run(measure_until_interrupt(plan, tally, advance))
    seconds = time.perf_counter() - started
    if not finished and not tally.requests:
        click.echo("portable: stopped before the first answer.", err=True)
        sys.exit(130)
    result = Split(expected.weights, tally, confidence / 100, _changed(expected))
    report = Report(
        shown(plan.url), requests, concurrency, seconds, expected.source, not finished, result
    )
    if as_json:
        write_json(report, sys.stdout)
    elif sys.stdout.isatty():
        show(report, Console())
    else:
        show(report, Console(width=100, force_terminal=False))
    if not finished:
        sys.exit(130)
    sys.exit(0 if result.verdict.kind == FITS else 1)


def _expected(url: "httpx.URL", environment: str | None) -> "Expected":
    from portable.local.operate.control import ask
    from portable.split.expected import of_local_run, of_samconfig
    from portable.split.requests import is_loopback, port_of

    local = of_local_run(port_of(url), ask) if is_loopback(url) else None
    if local:
        return local
    try:
        root = project_root(Path.cwd())
        return of_samconfig(root, chosen_environment(root, environment))
    except PortableError as error:
        hint = "say what to expect with --lambda-weight and --fargate-weight"
        raise PortableError(f"{error.message.rstrip('.')}; {hint}.") from None


def _changed(expected: "Expected") -> "Weights | None":
    """Return the weights of the local run after the requests, if they are others by now."""
    from portable.local.operate.control import ask
    from portable.split.expected import of_local_run

    if expected.port is None:
        return None
    with contextlib.suppress(PortableError):  # it ended meanwhile, and the requests show that
        later = of_local_run(expected.port, ask)
        if later and later.weights != expected.weights:
            return later.weights
    return None
