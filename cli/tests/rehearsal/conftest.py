"""One stage for the whole rehearsal; at the end, or where it stops, the table of what ran."""

import shutil
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from tests.docker.conftest import base_image, docker_engine, run  # noqa: F401
from tests.rehearsal.stage import Done, Stage, stage
from tests.rehearsal.table import show

TABLES = pytest.StashKey[dict[str, list[Done]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TABLES] = {}


@pytest.fixture(scope="session")
def ready(base_image: str) -> None:  # noqa: F811
    """Skip where there is no registry for images."""
    if not shutil.which("docker-registry"):
        pytest.skip("there is no docker-registry command on this machine")


def _stage(title: str, config: pytest.Config) -> Iterator[Stage]:
    done = config.stash[TABLES].setdefault(title, [])

    def report(each: Done) -> None:
        done.append(each)
        print(f"{each.seconds:6.1f} s  exit {each.status}  {each.command}", flush=True)

    with stage(report) as found:
        yield found


@pytest.fixture(scope="module")
def project(ready: None, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """The project and its account."""
    yield from _stage("rehearsal", request.config)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the tables over, where this is a worker of the run and not the run itself."""
    if hasattr(session.config, "workeroutput"):
        tables = session.config.stash[TABLES].items()
        session.config.workeroutput["tables"] = {
            title: [asdict(each) for each in done] for title, done in tables
        }


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    for title, done in getattr(node, "workeroutput", {}).get("tables", {}).items():
        node.config.stash[TABLES][title] = [Done(**each) for each in done]


def pytest_terminal_summary(config: pytest.Config) -> None:
    for title, done in config.stash[TABLES].items():
        if done:
            show(title, done)
