"""The stand-in for one HTTP listener of an Application Load Balancer, on this machine.

It forwards each request to one of two target groups, chosen by weight. As on the real one,
nothing is retried and no target group takes over the share of another:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import h11

from portable.local.listener.access import Access
from portable.local.listener.desync import Tier, classify
from portable.local.listener.forwarding import check, forwarded
from portable.local.listener.http1 import READ_SIZE, Channel
from portable.local.listener.messages import LoadBalancerError, Request, Response, header_values
from portable.local.listener.reasons import Reason
from portable.local.listener.replies import (
    client_body,
    client_error,
    error_page,
    linger,
    respond,
)
from portable.local.listener.rules import first_match, fixed_response, redirect
from portable.manifests.listener_rules import FixedResponse, Redirect, Rule
from portable.weights import Weights


class TargetGroup(Protocol):
    """What the listener forwards to."""

    @property
    def name(self) -> str:
        """Name of the target group."""

    async def send(self, request: Request) -> Response:
        """Return a target's response; raise `LoadBalancerError` where there is none."""

    async def aclose(self) -> None:
        """End every target."""


class Listener:
    """Listens on 127.0.0.1 and forwards to `groups`: by the `rules`, or else by weight.

    `idle_timeout` in seconds; `log` is called once per request, `on_weights` after each change of
    the weights; `source` is that of the randomness.
    """

    def __init__(
        self,
        groups: Sequence[TargetGroup],
        weights: Weights,
        idle_timeout: float,
        drop_invalid_headers: bool,
        log: Callable[[Access], None],
        source: random.Random | None = None,
        on_weights: Callable[[Weights], None] = lambda weights: None,
        rules: Sequence[Rule] = (),
    ) -> None:
        self.groups = groups
        self.weights = weights
        self.on_weights = on_weights
        self.rules = rules
        self.idle_timeout = idle_timeout
        self.drop_invalid_headers = drop_invalid_headers
        self.log = log
        self.random = source or random.Random()
        self.port = 0
        self.connections: set[asyncio.Task[None]] = set()
        self.busy: set[asyncio.Task[None]] = set()
        self.server: asyncio.Server | None = None
        self.closing = False

    async def bind(self, port: int) -> None:
        """Take 127.0.0.1:`port` (0: any) without listening yet; raise `OSError` if it is taken."""
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(
            self._protocol, "127.0.0.1", port, backlog=1024, start_serving=False
        )
        self.port = self.server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        """Where it listens, once it is bound."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen."""
        assert self.server is not None, "bind() comes first"
        await self.server.start_serving()

    async def aclose(self, grace: float) -> None:
        """Stop listening, let requests in flight end for `grace` seconds, close the rest."""
        if self.server is None:
            return
        self.closing = True
        self.server.close()
        for connection in self.connections - self.busy:
            connection.cancel()
        if self.busy:
            await asyncio.wait(self.busy, timeout=grace)
        for connection in self.connections:
            connection.cancel()
        await asyncio.gather(*self.connections, return_exceptions=True)

    def change_weights(self, weights: Weights) -> None:
        """Forward by `weights` from the next request on."""
        self.weights = weights
        self.on_weights(weights)

    def action(self, request: Request) -> Weights | Redirect | FixedResponse:
        """Return what the first rule says that `request` meets, or else the weights."""
        rule = first_match(self.rules, request)
        return rule.action if rule else self.weights

    def choose(self, weights: Weights) -> TargetGroup:
        """Return a target group, each as often as its weight says."""
        return self.random.choices(self.groups, [weights.of(group.name) for group in self.groups])[
            0
        ]

    def _protocol(self) -> asyncio.StreamReaderProtocol:
        return _ClientProtocol(asyncio.StreamReader(limit=READ_SIZE), self._serve)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections.add(task)
        writer.transport.get_protocol().on_end = task.cancel  # type: ignore[attr-defined]
        channel = Channel(h11.SERVER, reader, writer)
        try:
            while await self._serve_request(channel, task) and not self.closing:
                self.busy.discard(task)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client is gone, or this listener is closing
        finally:
            self.busy.discard(task)
            self.connections.discard(task)
            channel.close()

    async def _serve_request(self, channel: Channel, task: asyncio.Task[None]) -> bool:
        """Serve one request; return whether the connection can be used for another."""
        client = channel.writer.get_extra_info("peername")[:2]
        request = Request(b"-", b"-", [], client)
        group, status, target = "-", 460, "-"
        reason: Reason | None = Reason.CLIENT_CLOSED
        detail = ""
        started = time.perf_counter()
        try:
            try:
                request = await self._receive(channel, request)
                self.busy.add(task)
                started = time.perf_counter()
                check(request)
                ours = forwarded(request, self.port, self.drop_invalid_headers, self._trace_id)
                match self.action(ours):
                    case Weights() as weights:
                        chosen = self.choose(weights)
                        group = chosen.name
                        response = await chosen.send(ours)
                    case Redirect() as action:
                        response = redirect(action, ours, self.port)
                    case FixedResponse() as action:
                        response = fixed_response(action)
            except LoadBalancerError as error:
                response = error_page(error)
            except (ConnectionError, _NoRequest):
                raise
            except Exception as error:  # a fault of this program: said, and not to the client
                response = error_page(LoadBalancerError(500, Reason.INTERNAL, repr(error)))
            target = response.target
            if response.tunnel is not None:
                status, reason = 101, None  # it has been switched, however it ends
            await respond(channel, request, response, self.idle_timeout)
            status, reason, detail = response.status, response.reason, response.detail
        except _NoRequest:
            return False
        except (h11.ProtocolError, TimeoutError) as error:
            status, reason, detail = 502, Reason.TARGET_ENDED, str(error)
            return False
        finally:
            if request.method != b"-" or reason is not Reason.CLIENT_CLOSED:
                self.log(
                    Access(
                        client[0],
                        request.method.decode("ascii", "replace"),
                        request.target.decode("latin-1"),
                        status,
                        group,
                        target,
                        time.perf_counter() - started,
                        reason,
                        detail,
                    )
                )
        if channel.next_cycle():
            return True
        await linger(channel)
        return False

    async def _receive(self, channel: Channel, unknown: Request) -> Request:
        try:
            head = await channel.head(self.idle_timeout)
            if not head:
                raise _NoRequest
            verdict = classify(head)
            if verdict.tier is Tier.SEVERE:
                raise LoadBalancerError(400, Reason.DESYNC, verdict.reason)
            channel.h11.receive_data(verdict.head)
            event = channel.h11.next_event()
        except TimeoutError:
            if channel.pending:
                raise LoadBalancerError(408, Reason.CLIENT_SILENT) from None
            raise _NoRequest from None
        except LoadBalancerError:
            channel.refuse()
            raise
        except h11.RemoteProtocolError as error:
            status = client_error(error)
            raise LoadBalancerError(status, Reason.MALFORMED_REQUEST, str(error)) from None
        assert isinstance(event, h11.Request), "a head that ends is a request, or malformed"
        if channel.h11.they_are_waiting_for_100_continue:
            await channel.send(h11.InformationalResponse(status_code=100, headers=[]))
        headers = event.headers.raw_items()
        return Request(
            event.method,
            event.target,
            headers,
            unknown.client,
            event.http_version,
            client_body(channel, self.idle_timeout),
            has_body=bool(
                header_values(headers, b"transfer-encoding")
                or header_values(headers, b"content-length") not in ([], [b"0"])
            ),
            ambiguous=verdict.tier is Tier.AMBIGUOUS,
        )

    def _trace_id(self, seconds: float) -> str:
        return f"1-{int(seconds):08x}-{self.random.getrandbits(96):024x}"


class _NoRequest(Exception):
    """The client closed the connection, or left it idle, between two requests."""


class _ClientProtocol(asyncio.StreamReaderProtocol):
    """Tells the connection's task at once when the client goes away."""

    on_end: Callable[[], object] = staticmethod(lambda: None)

    def eof_received(self) -> bool | None:
        self.on_end()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self.on_end()
        super().connection_lost(exc)
