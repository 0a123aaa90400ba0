"""An account with images for the tests that push some; they are skipped where that cannot be."""

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.aws.server import Account, aws


@pytest.fixture(scope="module")
def account_with_images() -> Iterator[Account]:
    for command in ("docker", "docker-registry"):
        if not shutil.which(command):
            pytest.skip(f"there is no {command} command on this machine")
    answer = subprocess.run(["docker", "info"], capture_output=True, text=True, timeout=60)
    if answer.returncode:
        pytest.skip(f"no Docker engine answers: {answer.stderr.strip().splitlines()[-1]}")
    with aws() as account:
        yield account
