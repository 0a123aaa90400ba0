"""A copy of the project, in which what a page tells to write is written."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.snippets import apply

COPIED = (
    *("template.yaml", "samconfig.toml", "pyproject.toml", "requirements.txt", "Dockerfile"),
    "strip.py",
    *(".env.example", "alb", "copilot", "data", "src"),
)


@pytest.fixture(scope="module")
def written(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return the folder of a copy with what a page tells, or a part of it."""

    def written(page: str, part: Callable[[str], str] = str) -> Path:
        folder = tmp_path_factory.mktemp("project")
        for name in COPIED:
            copy = shutil.copytree if (root / name).is_dir() else shutil.copy
            copy(root / name, folder / name)
        text = part((root / "cli/docs" / page).read_text())
        assert apply(text, folder)
        return folder

    return written
