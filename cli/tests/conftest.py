"""What every test shares: the root, what a skipped test means, which tests run side by side."""

import signal
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).parents[2]
# These share an engine, in which `sam build` gives each image the same name, and a service whose
# environment takes long to make: with `-n` one process runs them, and as they take longest, first.
ONCE = (
    *("tests/docker/", "tests/rehearsal/", "tests/aws/test_images.py"),
    *("tests/service/test_deployment.py", "tests/service/test_use.py"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--skips",
        choices=["allowed", "forbidden"],
        default="allowed",
        help="forbidden: a skipped test is a failed one, as in CI",
    )


def pytest_configure() -> None:
    """Let signals end what is started, also where the tests run with `nohup` or `&`."""
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(ONCE))


class Scheduling(LoadFileScheduling):
    """Gives each file to one process, in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        return "once" if nodeid.startswith(ONCE) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    config.option.loadscopereorder = False
    return Scheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    if report.skipped and item.config.getoption("--skips") == "forbidden":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, and skips are forbidden: {reason}"
    return report


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT
