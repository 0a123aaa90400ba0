"""A copy of the manifests that a test may spoil."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portable.check.project import Project
from portable.manifests.problem import Problem

FILES = ("template.yaml", "samconfig.toml", "Dockerfile", "pyproject.toml", ".env.example")
COPIED = (*FILES, "alb", "copilot", "data", "src")

PLAIN_HTTP = ('AllowPlainHttp = "disabled"', 'AllowPlainHttp = "enabled"')


@pytest.fixture
def copy(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the copy, which is the current one; prod may go without a certificate in it."""
    folder = tmp_path / "copy"
    for name in COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (root / name).is_dir():
            shutil.copytree(root / name, folder / name)
        else:
            shutil.copy(root / name, folder / name)
    samconfig = folder / "samconfig.toml"
    samconfig.write_text(samconfig.read_text().replace(*PLAIN_HTTP))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def change(copy: Path) -> Callable[[str, str, str], None]:
    """Replace a text in one file of the copy, where it is for the first time."""

    def replace(name: str, old: str, new: str) -> None:
        text = (copy / name).read_text()
        assert old in text, f"{name} has no {old!r}"
        (copy / name).write_text(text.replace(old, new, 1))

    return replace


@pytest.fixture
def project(copy: Path, tmp_path: Path) -> Project:
    rendered = tmp_path / "rendered"
    rendered.mkdir()
    return Project(copy, ("prod", "test"), rendered)


def find(problems: Iterator[Problem], *parts: str) -> Problem:
    """Return the only problem whose text and fix contain all parts."""
    everything = list(problems)
    found = [one for one in everything if all(part in str(one) for part in parts)]
    assert len(found) == 1, everything
    return found[0]


@pytest.fixture(name="find")
def _find() -> Callable[..., Problem]:
    return find
