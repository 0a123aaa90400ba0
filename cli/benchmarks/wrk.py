"""The load generator wrk: it takes little of the cores that it shares with a server."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("wrk.lua")


class LoadFailed(Exception):
    """A server answered with an error, or not at all."""


@dataclass(frozen=True)
class Load:
    """What a load of some seconds took per request; all times in microseconds."""

    each: float  # from one answer to the next: a million of these are the requests per second
    p50: float
    p99: float


def missing() -> str:
    """Return a sentence where wrk is not on this machine."""
    return "" if shutil.which("wrk") else "it needs wrk (on Debian: apt-get install wrk)."


def load(url: str, connections: int, seconds: int) -> Load:
    """Keep `connections` connections busy with GETs of `url` for `seconds` seconds."""
    command = [
        *("wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"),
        *("--timeout", "30s", "--script", str(SCRIPT), url),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode:
        raise LoadFailed(f"wrk ended with status {done.returncode}: {done.stderr.strip()}.")
    return read(done.stdout, url)


def read(output: str, url: str) -> Load:
    """Return what wrk.lua wrote as the last line of `output`."""
    said = json.loads(output.splitlines()[-1])
    if said["failed"] or not said["requests"]:
        raise LoadFailed(f"{url}: {said['failed']} of {said['requests']} requests failed.")
    return Load(said["duration"] / said["requests"], said["p50"], said["p99"])
