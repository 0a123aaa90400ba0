"""The command by itself: its wheel in an empty environment, with what it says that it needs."""

import json
import re
import sys
from pathlib import Path

import pytest

from tests.service.conftest import ROOT, Service, run

UV = Path(sys.executable).with_name("uv")


@pytest.fixture(scope="module")
def portable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, installed from its wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT / "cli", cwd=folder)
    (wheel,) = folder.glob("*.whl")
    run(UV, "venv", "--quiet", "--python", sys.executable, "environment", cwd=folder)
    # The versions are those of the lock, the packages those that the wheel asks for.
    versions = folder / "versions.txt"
    lock = (ROOT / "requirements-dev.txt").read_text()
    versions.write_text("\n".join(re.findall(r"^[\w.-]+==[^\\\n]+", lock, re.M)))
    python = folder / "environment/bin/python"
    given = ("--python", python, "--constraint", versions, wheel)
    run(UV, "pip", "install", "--quiet", *given, cwd=folder)
    return folder / "environment/bin/portable"


def test_help_and_version(portable: Path, tmp_path: Path) -> None:
    assert "check" in run(portable, "--help", cwd=tmp_path).stdout
    assert run(portable, "--version", cwd=tmp_path).stdout.startswith("portable, version ")


def test_it_checks_a_service(portable: Path, service: Service) -> None:
    """With the other commands of its environment alone, and no `.venv` in the service."""
    path = f"{portable.parent}:/usr/bin:/bin"
    # Its owner has not chosen yet how prod is reached: CertificateArn or AllowPlainHttp.
    done = run(portable, "check", "--json", cwd=service.fresh, PATH=path, status=1)
    outcome = json.loads(done.stdout)
    assert outcome["faults"] == 1
    assert outcome["environments"] == ["prod", "staging"]
