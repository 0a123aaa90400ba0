"""Server: the Fargate side under load, one process, one app."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from benchmarks.measure import Goal, Measure, Sampler
from benchmarks.servers import Server, Serving, ours, serving, tutorial
from benchmarks.wrk import load, missing

CONNECTIONS = (1, 32, 256)
BARE = ours("bare ASGI answer", "bare:app")
WITHOUT = ours("ours, no request log", "main:app")
OURS = ours("ours", "logged:app")
TUTORIAL = tutorial("main.py")
SERVERS = (BARE, WITHOUT, TUTORIAL, OURS)

HOW = """\
wrk keeps the connections busy for two seconds a sample, on the same machine. Every candidate is one
process of uvicorn with uvloop and httptools, and writes to a file. The floor is an ASGI app that
sends bytes made beforehand, under the project's settings; the others serve the tutorial's app:
without a log, with uvicorn's access log as `fastapi run` has it, with the project's JSON line per
request. """
EACH = "The figure is the time from one answer to the next: 100 µs are 10,000 requests per second. "
LINE = """\
What the project adds is the line per request, which goes through `logging` as any other. Of its 17
µs of CPU time the handler takes 9, 6 of them for the JSON, the id 3 and the record 2."""
LATENCY = "The figure is the latency that 99 of 100 requests stay below."


def take(figure: str, serving: Serving, path: str, connections: int, seconds: int) -> float:
    """Return one figure of a load, in microseconds."""
    return float(getattr(load(serving.url(path), connections, seconds), figure))


def under_load(figure: str, servers: Sequence[Server], path: str, connections: int):
    """Return the `start` of a measure of `figure`, a field of `Load`."""

    @contextmanager
    def start(quick: bool) -> Iterator[dict[str, Sampler]]:
        seconds = 1 if quick else 2
        with serving(servers) as started:
            yield {
                name: partial(take, figure, each, path, connections, seconds)
                for name, each in started.items()
            }

    return start


def connections(number: int) -> str:
    """Return the number of connections in words."""
    return "1 connection" if number == 1 else f"{number} connections"


MEASURES = [
    Measure(
        name=f"server-{number}",
        title=f"Server, {connections(number)}: one request",
        unit="µs",
        floor=BARE.name,
        how=HOW + EACH + LINE,
        start=under_load("each", SERVERS, "/", number),
        # At least 0.8 and 1.2 times the requests per second.
        goals=(Goal(OURS.name, WITHOUT.name, 1 / 0.8), Goal(OURS.name, TUTORIAL.name, 1 / 1.2)),
        rounds=9,
        missing=missing,
    )
    for number in CONNECTIONS
] + [
    Measure(
        name=f"server-p99-{number}",
        title=f"Server, {connections(number)}: 99th percentile of the latency",
        unit="µs",
        floor=BARE.name,
        how=HOW + LATENCY,
        start=under_load("p99", SERVERS, "/", number),
        rounds=9,
        missing=missing,
    )
    for number in CONNECTIONS
]
