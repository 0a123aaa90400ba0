"""Listener: what `portable run` puts between a client and a task."""

from benchmarks.lambda_forms import FOLDERS
from benchmarks.measure import Limit, Measure
from benchmarks.server import EACH, connections, under_load
from benchmarks.servers import listener, ours
from benchmarks.wrk import missing

DIRECT = ours("direct", "main:app")
THROUGH = listener("main:app", FOLDERS[0])
CONNECTIONS = 32
HOW = """\
wrk asks a task of the project for the tutorial's answer: directly, and through the listener of
`portable run`, which chooses a target group for each request, adds the load balancer's headers,
counts for the alarms and writes a line to the access log. wrk, listener and task share the cores
of the machine: where it has two, they take them from each other. """

MEASURES = [
    Measure(
        name="listener",
        title=f"Listener, {connections(CONNECTIONS)}: one request",
        unit="µs",
        floor=DIRECT.name,
        how=HOW + EACH,
        start=under_load("each", [DIRECT, THROUGH], "/", CONNECTIONS),
        goals=(Limit(THROUGH.name, 1e6 / 1500),),  # at least 1,500 requests per second
        rounds=9,
        missing=missing,
    ),
    Measure(
        name="listener-p50",
        title="Listener, 1 connection: median latency",
        unit="µs",
        floor=DIRECT.name,
        how=HOW,
        start=under_load("p50", [DIRECT, THROUGH], "/", 1),
        goals=(Limit(THROUGH.name, 1000, above=DIRECT.name),),
        rounds=9,
        missing=missing,
    ),
]
