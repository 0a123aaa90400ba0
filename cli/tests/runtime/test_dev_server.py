"""The app from a checkout, without a target, as anybody starts a FastAPI app."""

import os
import signal
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from portable.local.processes import free_port
from tests.runtime.server_process import ROOT


def answer(process: subprocess.Popen[bytes], port: int) -> bytes:
    """Return what GET / gives, as soon as the server listens."""
    while process.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read()
        except (OSError, HTTPException):
            time.sleep(0.05)
        finally:
            connection.close()
    raise AssertionError(f"it ended with status {process.returncode}")


@pytest.mark.parametrize("command", ["uvicorn app.main:app", "fastapi dev", "fastapi run"])
def test_it_starts_with_sound_defaults(command):
    port = free_port()
    name, *arguments = command.split()
    with subprocess.Popen(
        [Path(sys.executable).with_name(name), *arguments, "--port", str(port)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # the one that reloads has a child
    ) as process:
        try:
            assert answer(process, port) == b'"Hello from local"'
        finally:
            os.killpg(process.pid, signal.SIGKILL)
