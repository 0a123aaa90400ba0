"""Both targets for the tests of a module, and what was counted at the end."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parity.differ import Targets, targets
from tests.parity.sampling import SEED

COUNTS: Counter[str] = Counter()


@pytest.fixture(scope="session")
def counts() -> Counter[str]:
    """What the summary tells."""
    return COUNTS


@pytest.fixture(scope="module")
def notes_of(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder where the mirror app leaves its notes."""
    return tmp_path_factory.mktemp("notes")


@pytest.fixture(scope="module")
def both(notes_of: Path) -> Iterator[Targets]:
    """Both targets with the mirror app."""
    with targets(notes_of) as running:
        yield running


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if COUNTS:
        counted = ", ".join(f"{number:,} {name}" for name, number in COUNTS.items())
        terminalreporter.write_line(f"parity: {counted}; PARITY_SEED={SEED}")
