"""boto3 asks an emulated account directly: no proxy, no socket. Calls are noted, and may fail.

The clients are boto3's own: botocore checks the parameters and reads the answers, retries and
errors, as only the sending is replaced.
"""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from botocore.session import Session

from tests.aws.errors import AwsError
from tests.aws.server import Account


class Broken(Exception):
    """The network gives no answer."""


class Calls:
    """The calls of an account's services: `made` are the operations, `failures` what they end in.

    `requests` has the parameters of each operation's calls.
    """

    def __init__(self) -> None:
        self.made: list[str] = []
        self.requests: dict[str, list[dict[str, Any]]] = {}
        self.failures: dict[str, list[tuple[Exception, int | None]]] = {}

    def watch(self, account: Account) -> None:
        """Note the calls of an account from now on."""
        services = account.requests.services
        account.requests.services = {
            name: _Watched(self, service) for name, service in services.items()
        }

    def fail(
        self, operation: str, code: str | None, message: str = "", times: int | None = None
    ) -> None:
        """Answer an operation with an error, `times` or always; without a code not at all."""
        status = 500 if code == "InternalFailure" else 400
        error = AwsError(code, message, status) if code else Broken()
        self.failures.setdefault(operation, []).append((error, times))

    def note(self, operation: str, parameters: dict[str, Any]) -> None:
        """Note a call; raise what it shall end in."""
        self.made.append(operation)
        for index, (error, times) in enumerate(self.failures.get(operation, [])):
            if times is not None:
                self.failures[operation][index] = (error, times - 1)
            if times is None or times > 0:
                raise error
        self.requests.setdefault(operation, []).append(parameters)


class _Watched:
    def __init__(self, calls: Calls, service: Any) -> None:
        self.calls, self.service = calls, service

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self.calls.note(operation, parameters)
        answer: dict[str, Any] = self.service.call(operation, parameters)
        return answer


class Direct:
    """Sessions and clients of boto3 that send to an account, which may come later."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.account: Account | None = None

    def session(self) -> boto3.Session:
        """Return a session whose clients send to the account."""
        botocore = Session()
        botocore.register_component("data_loader", LOADER)
        session = boto3.Session("key", "secret", region_name=self.region, botocore_session=botocore)
        session.events.register("before-send", self._send)
        return session

    def client(self, service: str, attempts: int = 1) -> Any:
        """Return a client that sends to the account, `attempts` times at most."""
        config = Config(retries={"mode": "standard", "total_max_attempts": attempts})
        client = SESSION.client(service, config=config, region_name=self.region)
        client.meta.events.register("before-send", self._send)
        return client

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        assert self.account is not None
        body = request.body
        headers = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        try:
            status, found, answer = self.account.requests.respond(
                request.method,
                request.url,
                headers,
                body.encode() if isinstance(body, str) else body,
            )
        except Broken:
            raise EndpointConnectionError(endpoint_url=request.url) from None
        return AWSResponse(request.url, status, dict(found), _Raw(answer))


class _Raw(BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


SESSION = boto3.Session("key", "secret")
LOADER = SESSION._session.get_component("data_loader")  # reads the models once
