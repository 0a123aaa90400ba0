"""What is true of every page: with what it tells, the project passes its own checks."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent


def faults(folder: Path) -> list[str]:
    """Return what `portable check` finds wrong, and warns of but for Docker and alarms."""
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment["PORTABLE_STAND_IN"] = "allowed"  # the engine's images are not what is checked
    done = subprocess.run(
        [BIN / "portable", "check", "--env", "test", "--json"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout, done.stderr
    return [
        problem["text"]
        for check in json.loads(done.stdout)["checks"]
        if check["check"] not in ("docker", "alarms")
        for problem in check["problems"]
    ]


def style(folder: Path) -> str:
    """Return what ruff and mypy say about the code of the project."""
    said = []
    for command in (["ruff", "format", "--check", "src"], ["ruff", "check", "src"], ["mypy"]):
        done = subprocess.run(
            [BIN / command[0], *command[1:]], cwd=folder, capture_output=True, text=True
        )
        if done.returncode:
            said.append(done.stdout + done.stderr)
    return "\n".join(said)


def linted(path: Path) -> list[Any]:
    """Return the errors that cfn-lint finds in a rendered template."""
    done = subprocess.run(
        [BIN / "cfn-lint", "--format", "json", "--", path], capture_output=True, text=True
    )
    return [each for each in json.loads(done.stdout) if each["Rule"]["Id"].startswith("E")]
