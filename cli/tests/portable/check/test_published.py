"""The `copilot` that is installed, next to the record of AWS's own file."""

import subprocess
import sys
from pathlib import Path

import pytest

from portable.check.published import DIGESTS, published
from portable.check.tools import tool

LINUX = ("Linux", "x86_64")


def test_what_is_installed_is_the_file_of_aws():
    assert list(published(Path(tool("copilot")))) == []
    done = subprocess.run(
        [sys.executable, "-m", "portable.check.published"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_with_one_byte_more_is_refused(tmp_path, find):
    changed = tmp_path / "copilot"
    changed.write_bytes(Path(tool("copilot")).read_bytes() + b"\0")
    problem = find(published(changed, LINUX), str(changed), DIGESTS[LINUX], "Do not run it")
    assert problem.fix.startswith("Do not run it")


@pytest.mark.parametrize("machine", DIGESTS)
def test_each_system_has_a_file_of_its_own(machine, tmp_path, find):
    other = tmp_path / "copilot"
    other.write_bytes(b"")
    find(published(other, machine), DIGESTS[machine], "make install")


def test_without_a_record_nothing_is_said(tmp_path):
    other = tmp_path / "copilot"
    other.write_bytes(b"")
    assert list(published(other, ("Darwin", "arm64"))) == []
