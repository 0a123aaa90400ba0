"""`python -m tests.aws`, as somebody uses it who tries commands by hand."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import boto3
print(boto3.client("sts").get_caller_identity()["Account"])
"""


def test_that_what_it_prints_is_enough(root: Path) -> None:
    if not shutil.which("docker-registry"):
        pytest.skip("there is no docker-registry command on this machine")
    environment = {"PATH": os.environ["PATH"]}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.aws"],
        cwd=root / "cli",
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        lines = []
        try:
            while not (line := server.stdout.readline()).startswith("# Ctrl-C") and line:
                lines.append(line)
            script = "".join(lines) + f"{sys.executable} -c '{SCRIPT}'"
            done = subprocess.run(
                ["bash", "-c", script],
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
            )
        finally:
            server.send_signal(signal.SIGINT)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.strip()) == 12
        assert server.wait(60) == 0
    assert not Path(exported(lines, "DOCKER_HOST").removeprefix("unix://")).exists()


def exported(lines: list[str], name: str) -> str:
    [found] = [line for line in lines if line.startswith(f"export {name}=")]
    return found.partition("=")[2].strip()
