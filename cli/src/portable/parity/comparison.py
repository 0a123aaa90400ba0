"""The same requests to both targets, and what they answered differently."""

import asyncio
import random
import re
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import httpcore

from portable.errors import PortableError
from portable.local.listener.access import Access
from portable.local.run import Options
from portable.local.view.summary import Row, Summary
from portable.parity.both_targets import both_targets
from portable.parity.generated_requests import INSTEAD, Sample, Schema, named_paths
from portable.parity.report import Finding, Report, Statuses, shown
from portable.request_headers import RequestHeader
from portable.weights import Weights

TIMEOUT = 65.0  # seconds; longer than the load balancer waits, so that its answer is seen
HOST = b"parity.test"
# The load balancer's own, and how long the body is: the body itself is compared.
NOT_COMPARED = frozenset(
    (
        *("date", "server", "x-amzn-trace-id"),
        *("connection", "content-length", "keep-alive", "transfer-encoding"),
    )
)
SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")  # RFC 9110, 9.2.1
SETS = ("allow", "vary")  # lists whose order means nothing, and frameworks keep them as sets
TRACE_ID = re.compile(rb"1-[0-9a-f]{8}-[0-9a-f]{24}")

Facets = dict[str, object]  # what of an answer is compared: "status", "header x", "body"


@dataclass(frozen=True)
class Plan:
    """What the user asks for."""

    schema: str = "/openapi.json"
    paths: Sequence[str] = ()  # instead of a schema
    exclude: Sequence[str] = ()  # operations, as in "GET /items/{id}"
    examples: int = 20  # requests for each operation
    seed: int | None = None  # None: any
    headers: Sequence[RequestHeader] = ()  # of every request
    errors_expected: Sequence[str] = ()  # operations that may answer errors alone


class SilentView:
    """Shows nothing: what counts here is the answers."""

    summary = Summary(())
    on_closed: Callable[[], object] = staticmethod(lambda: None)

    def open(self, rows: Sequence[Row], weights: Weights, url: str) -> None:
        """Show nothing."""

    def access(self, access: Access) -> None:
        """Show nothing."""

    def notify(self, text: str) -> None:
        """Show nothing."""

    def event(self, text: str) -> None:
        """Show nothing."""

    def progress(self, text: str) -> None:
        """Show nothing."""

    def output(self, name: str, line: str) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Show nothing."""


def facets(status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Facets:
    """Return what is compared of an answer; the order of header lines is not."""
    found: Facets = {"status": status}
    for name, value in headers:
        key = name.decode("latin-1").lower()
        if key not in NOT_COMPARED:
            text = _without_trace_ids(value).decode("latin-1")
            if key in SETS:
                text = ", ".join(sorted(part.strip() for part in text.split(",")))
            values = found.setdefault(f"header {key}", [])
            assert isinstance(values, list)
            values.append(text)
            values.sort()
    return found | {"body": _without_trace_ids(body)}


def findings(
    sample: Sample, first: Mapping[str, Facets], again: Mapping[str, Facets]
) -> list[Finding]:
    """Return in what `first` differs, the answers by name of the target.

    What a target answers differently when asked `again` is not deterministic.
    """
    found = []
    ours, theirs = first["lambda"], first["fargate"]
    for what in sorted({*ours, *theirs}, key=lambda name: (name != "status", name)):
        if ours.get(what) != theirs.get(what):
            stable = all(first[name].get(what) == again[name].get(what) for name in first)
            values = shown(ours.get(what), theirs.get(what))
            found.append(Finding(sample, what, *values, deterministic=stable))
    return found


async def compare(options: Options, plan: Plan) -> Report:
    """Run both targets and send the requests of `plan`; raise `PortableError`."""
    report = Report(random.SystemRandom().randrange(2**32) if plan.seed is None else plan.seed)
    named = named_paths(plan.paths)
    if not plan.schema.startswith("/"):
        message = f"--schema is {plan.schema!r}, expected a path of the app"
        raise PortableError(f"{message} as in '/openapi.json'.")
    # What depends on the order of a set is the same in every process.
    # The header that names the side differs on purpose, and prod's app may hide its schema.
    ours = {"PYTHONHASHSEED": "0", "SIDE_HEADER": "false", "API_DOCS": "true"}
    variables = {**ours, **options.variables}
    async with (
        both_targets(replace(options, variables=variables), SilentView(), apart=True) as ports,
        httpcore.AsyncConnectionPool() as pool,
    ):
        schema = None if named else await _schema(pool, ports["fargate"], plan)
        if schema is not None:
            known = list(schema.operations)
        else:
            known = list(dict.fromkeys(sample.operation for sample in named))
        chosen = _without(known, plan.exclude)
        _known("--expect-errors", plan.errors_expected, known)
        report.operations, report.excluded = len(chosen), len(known) - len(chosen)
        for operation in chosen:
            if schema is not None:
                samples = await asyncio.to_thread(
                    schema.samples, operation, plan.examples, report.seed
                )
            else:
                samples = [sample for sample in named if sample.operation == operation]
            for sample in samples:
                if reason := sample.limit:
                    report.left_out[reason] += 1
                    continue
                report.samples += 1
                report.writes += sample.method not in SAFE
                report.findings += await _ask(
                    pool, ports, sample.with_headers(plan.headers), report.statuses[operation]
                )
        report.unreadable = list(dict.fromkeys(schema.unreadable)) if schema is not None else []
    report.errors_only = [
        operation
        for operation, statuses in report.statuses.items()
        # Nobody asked for the HEAD request that goes with a named path.
        if not (statuses.answered or operation in plan.errors_expected)
        and not (named and operation.startswith("HEAD "))
    ]
    if not report.samples:
        why = " ".join(report.unreadable) or "none of what was generated can be sent."
        raise PortableError(f"no request was sent: {why}")
    return report


async def compare_until_signal(options: Options, plan: Plan) -> Report:
    """Do it, and end the targets on SIGTERM as on Ctrl-C."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await compare(options, plan)
    except asyncio.CancelledError:
        raise PortableError("stopped by a signal.") from None


async def _schema(pool: httpcore.AsyncConnectionPool, port: int, plan: Plan) -> Schema:
    path = plan.schema
    answer = await _answer(pool, port, Sample("schema", "GET", path).with_headers(plan.headers))
    if answer["status"] != 200:
        message = f"the app has no OpenAPI schema at {path} (status {answer['status']})"
        raise PortableError(f"{message}. {INSTEAD}")
    body = answer["body"]
    assert isinstance(body, bytes)
    schema = Schema(body, path)
    if not schema.operations:
        raise PortableError(f"the schema at {path} has no operation to request. {INSTEAD}")
    return schema


def _without(known: list[str], exclude: Sequence[str]) -> list[str]:
    _known("--exclude", exclude, known)
    left = [operation for operation in known if operation not in exclude]
    if not left:
        raise PortableError("--exclude leaves nothing to request.")
    return left


def _known(option: str, operations: Sequence[str], known: list[str]) -> None:
    for operation in operations:
        if operation not in known:
            raise PortableError(f"{option} is {operation!r}, expected one of {', '.join(known)}.")


async def _ask(
    pool: httpcore.AsyncConnectionPool,
    ports: Mapping[str, int],
    sample: Sample,
    statuses: Statuses,
) -> list[Finding]:
    first = await _both(pool, ports, sample)
    for name, answer in first.items():
        statuses.count(name, answer["status"])
    if first["lambda"] == first["fargate"]:
        return []
    # Once more, also because in-memory state is apart: tasks take turns.
    return findings(sample, first, await _both(pool, ports, sample))


async def _both(
    pool: httpcore.AsyncConnectionPool, ports: Mapping[str, int], sample: Sample
) -> dict[str, Facets]:
    answers = await asyncio.gather(*(_answer(pool, port, sample) for port in ports.values()))
    return dict(zip(ports, answers, strict=True))


async def _answer(pool: httpcore.AsyncConnectionPool, port: int, sample: Sample) -> Facets:
    url = httpcore.URL(
        scheme=b"http", host=b"127.0.0.1", port=port, target=sample.target.encode("ascii")
    )
    headers = [(b"Host", HOST), *((name.encode(), value) for name, value in sample.headers)]
    if sample.body or sample.method in ("POST", "PUT", "PATCH"):
        headers.append((b"Content-Length", str(len(sample.body)).encode()))
    headers += [(one.name.encode(), one.value.encode("latin-1")) for one in sample.given]
    timeout = dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT)
    try:
        async with asyncio.timeout(TIMEOUT):
            response = await pool.request(
                sample.method,
                url,
                headers=headers,
                content=sample.body,
                extensions={"timeout": timeout},
            )
    except TimeoutError:  # of the whole: an endless stream has a byte now and then
        return {"status": f"no end in {TIMEOUT:g} s", "body": b""}
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        return {"status": type(error).__name__, "body": b""}
    hidden = [(name, _hidden(value, sample.given)) for name, value in response.headers]
    return facets(response.status, hidden, _hidden(response.content, sample.given))


def _hidden(content: bytes, given: Sequence[RequestHeader]) -> bytes:
    """Return `content` without what the user's headers say: it is shown where it differs."""
    for header in given:
        for secret in header.secrets:
            content = content.replace(secret, f"({header.name})".encode())
    return content


def _without_trace_ids(content: bytes) -> bytes:
    """Return `content` less the id that the load balancer gives to each request."""
    return TRACE_ID.sub(b"1-0-0", content)
