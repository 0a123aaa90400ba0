"""What the tests of a service get: `client`, which sends each test's requests to both targets.

The targets are processes, as on AWS: the Lambda emulator with the runtime client and the handler,
and uvicorn, each behind a listener. They start once per session, when a test first asks for them.
"""

import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

TIMEOUT = 30.0  # seconds, for a byte and for the whole answer
DEFAULT_APP = "app.main:app"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare what pyproject.toml may say in [tool.pytest.ini_options]."""
    parser.addini("portable_app", "MODULE:ATTRIBUTE of the app that the targets run")
    parser.addini("portable_env", "Environment whose manifests the targets run with")
    parser.addini("portable_variables", "NAME=VALUE for both targets, one per line", "linelist")


class _Limited(httpx.SyncByteStream):
    """A body that has to end in time: an endless stream has a byte now and then."""

    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self.stream = stream
        self.end = time.monotonic() + TIMEOUT

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.stream:
            if time.monotonic() > self.end:
                raise httpx.ReadTimeout(f"the answer has no end in {TIMEOUT:g} s")
            yield chunk

    def close(self) -> None:
        self.stream.close()


class Client(httpx.Client):
    """An `httpx.Client` that says which target failed to answer."""

    def __init__(self, target: str, port: int) -> None:
        super().__init__(base_url=f"http://127.0.0.1:{port}", timeout=TIMEOUT, trust_env=False)
        self.target = target

    def send(
        self, request: httpx.Request, *, stream: bool = False, **options: Any
    ) -> httpx.Response:
        """Send `request`; a target that does not answer in time fails the test with a sentence."""
        try:
            response = super().send(request, stream=True, **options)
            assert isinstance(response.stream, httpx.SyncByteStream)
            response.stream = _Limited(response.stream)
            if not stream:
                response.read()
            return response
        except httpx.TransportError as error:
            asked = f"{request.method} {request.url.raw_path.decode()}"
            reason = str(error) or type(error).__name__
            pytest.fail(f"{self.target} did not answer {asked}: {reason}.", pytrace=False)


@pytest.fixture(scope="session")
def portable_ports(pytestconfig: pytest.Config) -> Iterator[Mapping[str, int]]:
    """The ports of both listeners on 127.0.0.1, `{"lambda": ..., "fargate": ...}`."""
    # Here, so that a session that asks for no client does not import the local run.
    from anyio.from_thread import start_blocking_portal

    from portable.commands.options import chosen_environment, project_root, variables
    from portable.errors import PortableError
    from portable.local.run import Options
    from portable.local.view.plain import PlainView
    from portable.parity.both_targets import both_targets

    failure = ""
    try:
        root = project_root(pytestconfig.rootpath)
        options = Options(
            root=root,
            environment=chosen_environment(root, pytestconfig.getini("portable_env") or None),
            app=pytestconfig.getini("portable_app") or None,
            variables=variables("portable_variables", pytestconfig.getini("portable_variables")),
        )
        view = PlainView()  # pytest shows it with a test that fails
        view.before = None
        with (
            start_blocking_portal("asyncio") as portal,
            portal.wrap_async_context_manager(both_targets(options, view, tasks=1)) as ports,
        ):
            yield ports
    except PortableError as error:
        failure = str(error)
    if failure:
        pytest.fail(f"The targets did not start: {failure}", pytrace=False)


@pytest.fixture(params=["lambda", "fargate"])
def target(request: pytest.FixtureRequest) -> str:
    """The side that `client` sends to in this run of the test: "lambda" or "fargate"."""
    name: str = request.param
    return name


@pytest.fixture
def client(
    pytestconfig: pytest.Config, portable_ports: Mapping[str, int], target: str
) -> Iterator[httpx.Client]:
    """An `httpx.Client` of one target; a test that asks for it runs twice, once for each."""
    with Client(target, portable_ports[target]) as client:
        yield client
    if not pytestconfig.getini("portable_app"):
        _warn_of_overrides()


def _warn_of_overrides() -> None:
    """Warn where a test replaces a dependency in this process, in which no target runs."""
    module, _, attribute = DEFAULT_APP.partition(":")
    app = getattr(sys.modules.get(module), attribute, None)
    if getattr(app, "dependency_overrides", None):
        warnings.warn(
            "the targets are other processes, so dependency_overrides of a test do not reach "
            "them: set them in a module of the tests, and name its app in portable_app.",
            pytest.PytestWarning,
            stacklevel=1,
        )
