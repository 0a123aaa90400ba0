"""What the tests of the commands share."""

import shutil
from pathlib import Path

import pytest

from tests.portable.local_run import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the manifests that a test may change."""
    for name in ("template.yaml", "samconfig.toml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("alb", "copilot", "data"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("src", "cli"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path
