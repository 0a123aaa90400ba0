"""The packages of the image, on this machine: what requirements.txt locks, and nothing else."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from uv import find_uv_bin

from portable.errors import PortableError

LOCK = "requirements.txt"


def image_environment(root: Path, notify: Callable[[str], None]) -> Path:
    """Return the virtual environment of the lock below `root`, made where there is none yet.

    It is in the user's cache, under the hash of the lock and of this Python, so that all checkouts
    share it. Raises `PortableError` for a lock that is missing or cannot be installed.
    """
    try:
        lock = (root / LOCK).read_bytes()
    except OSError as error:
        raise PortableError(f"cannot read {LOCK}: {error.strerror}.") from None
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "portable"
    key = hashlib.sha256(lock + sys.version.encode() + sys.executable.encode()).hexdigest()[:16]
    environment = cache / f"image-{key}"
    complete = environment / ".complete"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # Of several runs that start at once, one makes it.
        with (cache / f"image-{key}.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if not complete.exists():
                notify(f"Installing {LOCK} for the targets (once).")
                shutil.rmtree(environment, ignore_errors=True)
                _install(root / LOCK, environment)
                complete.touch()
    except OSError as error:
        raise PortableError(f"cannot install {LOCK} in {cache}: {error.strerror}.") from None
    return environment


def _install(lock: Path, environment: Path) -> None:
    python = str(environment / "bin" / "python")
    hashes = ["--require-hashes", "--only-binary", ":all:"]  # as the Dockerfile has it
    for command in (
        ["venv", "--python", sys.executable, str(environment)],
        ["pip", "sync", "--compile-bytecode", *hashes, "--python", python, str(lock)],
    ):
        line = [find_uv_bin(), "--quiet", *command]
        done = subprocess.run(line, cwd=lock.parent, capture_output=True, text=True)
        if done.returncode:
            reason = " ".join(done.stderr.split()).rstrip(".")
            raise PortableError(f"cannot install {LOCK} for the targets: {reason}.")
