"""Health checks: when a target counts as healthy.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

import asyncio

import h11

from portable.local.listener.http1 import Channel
from portable.manifests.health_check import HealthCheck


class Health:
    """The state of one target: `initial`, `healthy` or `unhealthy`."""

    def __init__(self, check: HealthCheck) -> None:
        self.check = check
        self.state = "initial"
        self.passes = 0
        self.failures = 0

    def record(self, passed: bool) -> bool:
        """Count the outcome of one check; return whether the state changed."""
        before = self.state
        self.passes = self.passes + 1 if passed else 0
        self.failures = 0 if passed else self.failures + 1
        # A new target needs a single pass; one that was unhealthy needs the threshold.
        needed = 1 if self.state == "initial" else self.check.healthy_threshold
        if self.passes >= needed:
            self.state = "healthy"
        elif self.failures >= self.check.unhealthy_threshold:
            self.state = "unhealthy"
        return self.state != before


def broken_contract(side: str, check: HealthCheck, status: int | None, consequence: str) -> str:
    """Return the sentence on an app that does not answer the health check as it has to."""
    answer = "does not answer" if status is None else f"answers {status} to"
    return (
        f"{side} fails its health check: the app {answer} GET {check.path}, expected "
        f"{check.matcher}. {consequence} Give the app a route GET {check.path}."
    )


async def probe(
    path: str, timeout: float, host: str, port: int, source: str | None = None
) -> int | None:
    """Ask `host`:`port` for `path`; return the status, None for no answer in `timeout` seconds.

    The host header is the target's own address and the connection is closed each time, as the
    load balancer does.
    """
    channel = None
    try:
        async with asyncio.timeout(timeout):
            address = (source, 0) if source else None
            channel = Channel(
                h11.CLIENT, *await asyncio.open_connection(host, port, local_addr=address)
            )
            headers = [
                ("Host", f"{host}:{port}"),
                ("User-Agent", "ELB-HealthChecker/2.0"),
                ("Connection", "close"),
            ]
            request = h11.Request(method="GET", target=path, headers=headers)
            await channel.send(request, h11.EndOfMessage())
            event = await channel.receive(None)
            return event.status_code if isinstance(event, h11.Response) else None
    except (OSError, TimeoutError, h11.ProtocolError):
        return None
    finally:
        if channel is not None:
            channel.close()
