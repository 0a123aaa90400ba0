"""A real PostgreSQL for a block: Debian's package, a database of its own, gone at the end."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portable.local.processes import free_port

# Debian keeps the server's programs off the PATH.
FOLDERS = [*sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)]
PATH = os.pathsep.join([*FOLDERS, os.environ.get("PATH", os.defpath)])
INITDB = shutil.which("initdb", path=PATH)
# It does not run as root.
USER = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


@contextmanager
def postgres() -> Iterator[str]:
    """Yield the URL of an empty database."""
    assert INITDB is not None
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    shutil.chown(folder, USER)
    port = free_port()

    def run(program: str, *arguments: str) -> None:
        line = [str(Path(str(INITDB)).with_name(program)), *arguments]
        done = subprocess.run(line, cwd=folder, user=USER, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
    try:
        run("initdb", "--pgdata", "data", "--auth", "trust", "--username", "app")
        run("pg_ctl", "--pgdata", "data", "--log", "log", "--wait", "--options", options, "start")
        try:
            run("createdb", "--host", str(folder), "--port", str(port), "--username", "app", "app")
            yield f"postgresql://app@127.0.0.1:{port}/app"
        finally:
            run("pg_ctl", "--pgdata", "data", "--mode", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
