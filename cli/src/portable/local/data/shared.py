"""Both sides with the data of the local run: an endpoint, credentials that are worth nothing."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, replace
from pathlib import Path
from urllib.parse import urlsplit

from portable.errors import PortableError
from portable.local.data.plan import Plan, omitted, queues, tables, values
from portable.local.processes import Output, Process, free_port
from portable.manifests.data import resources
from portable.manifests.system import System

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_EC2_METADATA_DISABLED": "true",  # without a key nobody looks for one on the network
}
REGION = "us-east-1"
START_TIMEOUT = 60.0  # seconds


@contextlib.asynccontextmanager
async def with_data(
    system: System,
    root: Path,
    environment: str,
    output: Output,
    notify: Callable[[str], None],
    endpoint: str | None = None,
    host: str = "127.0.0.1",
    apart: bool = False,
) -> AsyncIterator[System]:
    """Yield `system` with what both sides need to reach the data of data/template.yaml.

    `endpoint` is a DynamoDB of one's own, `host` the address at which both sides reach this
    machine; `apart` gives each side tables of its own, to be compared. Raises `PortableError`
    where the data does not start.
    """
    found = resources(root, environment)
    if not found:
        yield system
        return
    for sentence in omitted(found):
        notify(sentence)
    port = free_port()
    given = tables(found)
    names = set(given)
    if apart:
        given = {f"{name}-{side}": given[name] for name in given for side in ("lambda", "fargate")}
    real = endpoint is not None and (urlsplit(endpoint).hostname or "").endswith(".amazonaws.com")
    plan = Plan(host, port, endpoint, {} if real else given, values(found), queues(found))
    # In an account the names are the account's: --variable gives them, and nothing is made there.
    keys = {k: v for k, v in os.environ.items() if k.startswith("AWS_")} if real else CREDENTIALS
    region = os.environ.get("AWS_DEFAULT_REGION", REGION) if real else REGION
    variables = {
        **keys,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        **({"AWS_ENDPOINT_URL_DYNAMODB": endpoint} if endpoint else {}),
    }
    own = {"PATH": os.environ.get("PATH", ""), **CREDENTIALS, "AWS_DEFAULT_REGION": REGION}
    command = [sys.executable, "-m", "portable.local.data.emulator", json.dumps(asdict(plan))]
    process = await Process.start("data", command, own, output)
    try:
        await _listening(process, host, port)

        def side(own: dict[str, str], name: str) -> dict[str, str]:
            if apart:
                own = {key: f"{v}-{name}" if v in names else v for key, v in own.items()}
            return {**own, **variables}

        function, service = system.function, system.service
        yield replace(
            system,
            function=replace(function, environment=side(function.environment, "lambda")),
            service=replace(service, variables=side(service.variables, "fargate")),
        )
    finally:
        await process.kill()


async def _listening(process: Process, host: str, port: int) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_TIMEOUT):
            while process.running:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(host, port)
                    writer.close()
                    return
                await asyncio.sleep(0.02)
    await process.kill()
    raise PortableError(f"the data of the local run does not start: {process.failure()}.")
