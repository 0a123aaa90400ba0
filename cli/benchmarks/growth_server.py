"""Growth: responses of 1 kB to 900 kB and 1 to 64 connections, with and without the listener."""

from benchmarks.growth import SIZES
from benchmarks.lambda_forms import ROOT
from benchmarks.measure import Measure
from benchmarks.server import EACH, connections, under_load
from benchmarks.servers import listener, ours, tutorial
from benchmarks.wrk import missing

CONNECTIONS = (1, 2, 4, 8, 16, 32, 64)
SERVERS = (
    ours("direct", "sized:app"),
    tutorial("sized.py"),
    listener("sized:app", ROOT / "cli/benchmarks/forms"),
)
HOW = f"The same app as a task, under `fastapi run`, and through `portable run`. {EACH}"

MEASURES = [
    Measure(
        name="growth-server",
        title=f"Server, 8 connections: a response of {size // 1000} kB",
        unit="µs",
        floor="direct",
        how=f"Responses of growing size, as text. {HOW}",
        start=under_load("each", SERVERS, f"/{size}", 8),
        rounds=5,
        x=size // 1000,
        missing=missing,
    )
    for size in SIZES
] + [
    Measure(
        name="growth-connections",
        title=f"Server, a response of 1 kB: {connections(number)}",
        unit="µs",
        floor="direct",
        how=f"A growing number of connections, all of them busy. {HOW}",
        start=under_load("each", SERVERS, "/1000", number),
        rounds=5,
        x=number,
        x_title="connections",
        missing=missing,
    )
    for number in CONNECTIONS
]
