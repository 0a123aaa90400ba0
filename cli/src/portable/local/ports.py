"""Which ports the processes of a session listen on (Linux)."""

import contextlib
import os
import re
from pathlib import Path

from portable.local.reaper import members

LISTEN = "0A"  # the state, as the kernel writes it


def listening(session: int) -> list[int]:
    """Return the TCP ports on which the processes of `session` listen; none where it is unknown."""
    sockets = set()
    for process in members(session):
        with contextlib.suppress(OSError):
            for descriptor in Path(f"/proc/{process}/fd").iterdir():
                with contextlib.suppress(OSError):
                    if found := re.match(r"socket:\[(\d+)\]", os.readlink(descriptor)):
                        sockets.add(found[1])
    ports = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTEN and fields[9] in sockets:
                    ports.add(int(fields[1].rpartition(":")[2], 16))
    return sorted(ports)
