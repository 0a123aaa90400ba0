"""What strip.py takes out of a library is missed by nobody who loads it."""

import runpy
import shutil
import subprocess
import sys
from importlib.metadata import files
from pathlib import Path

import pytest

STRIP = Path(__file__).parents[2] / "strip.py"
stripped = runpy.run_path(str(STRIP))["stripped"]


@pytest.mark.skipif(sys.platform != "linux", reason="the image is one of Linux, as its libraries")
def test_a_wheel_works_without_its_debugging_information(tmp_path):
    for path in files("uvloop") or []:
        if path.parts[0] == "uvloop":
            copy = tmp_path / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path.locate(), copy)
    [library] = (tmp_path / "uvloop").glob("loop.*.so")
    before = library.stat().st_size
    subprocess.run([sys.executable, STRIP, tmp_path], check=True)
    assert library.stat().st_size < before / 2
    code = "import uvloop.loop; print(uvloop.run(uvloop.loop.asyncio.sleep(0, uvloop.__file__)))"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == str(tmp_path / "uvloop/__init__.py")
    once = library.read_bytes()
    assert stripped(once) == once


@pytest.mark.parametrize("content", [b"", b"\x7fELF\x01\x01", b"GROUP ( libc.so.6 )"])
def test_what_is_no_such_library_stays_as_it_is(content):
    assert stripped(content) == content
