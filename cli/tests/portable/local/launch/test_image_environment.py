"""What the targets of a local run see of this machine: what the image would have."""

import shutil
from pathlib import Path

import pytest

from portable.errors import PortableError
from portable.local.launch.image_environment import image_environment
from tests.portable.local_run import ROOT, LocalRun


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the service that a test may change."""
    for name in ("template.yaml", "samconfig.toml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("alb", "copilot", "data", "src"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def failed(project: Path) -> str:
    """Run it where it cannot start; return the last sentence that it says."""
    run = LocalRun(cwd=project)
    assert run.process.wait(120) == 1
    run.stop()
    return run.err[-1]


@pytest.mark.parametrize("library", ["httpx", "boto3"])
def test_a_package_that_only_the_developer_has_is_missing(project: Path, library: str) -> None:
    main = project / "src/app/main.py"
    main.write_text(f"import {library}\n" + main.read_text())
    assert f"No module named '{library}'" in failed(project)


def test_a_module_that_is_not_copied_into_the_image_is_missing(project: Path) -> None:
    (project / "outside.py").touch()
    main = project / "src/app/main.py"
    main.write_text("import outside\n" + main.read_text())
    assert "No module named 'outside'" in failed(project)


def test_the_targets_start_in_the_folder_of_the_code_as_the_image_does(project: Path) -> None:
    (project / "src/words.txt").write_text("from the image\n")
    main = project / "src/app/main.py"
    main.write_text(main.read_text() + "\nprint(open('words.txt').read())\n")
    run = LocalRun(cwd=project)
    run.wait_until_up()
    assert run.stop() == 0
    written = [line.partition(" | ") for line in run.err if "from the image" in line]
    assert {name for name, _, _ in written} == {"sandbox-1", "task-1", "task-2"}


def test_it_is_made_once_for_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    told: list[str] = []
    (tmp_path / "requirements.txt").write_text("")
    first = image_environment(tmp_path, told.append)
    assert image_environment(tmp_path, told.append) == first and first.is_relative_to(tmp_path)
    assert told == ["Installing requirements.txt for the targets (once)."]
    (tmp_path / "requirements.txt").write_text("# another lock\n")
    assert image_environment(tmp_path, told.append) != first


def test_a_lock_that_cannot_be_installed_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(PortableError, match=r"cannot read requirements\.txt: No such file"):
        image_environment(tmp_path, print)
    (tmp_path / "requirements.txt").write_text("fastapi\n")  # no version, no hash
    for _ in range(2):  # what has failed once is tried again
        with pytest.raises(PortableError, match=r"cannot install requirements\.txt .*hash"):
            image_environment(tmp_path, print)
