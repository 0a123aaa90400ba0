"""What every test shares: the repository's root, and what a skipped test means."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--skips",
        choices=["allowed", "forbidden"],
        default="allowed",
        help="forbidden: a skipped test is a failed one, as in CI",
    )


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
