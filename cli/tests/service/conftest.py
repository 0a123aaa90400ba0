"""A service that was made of an older version of this repository, changed by its owner, updated.

The template is a copy of the working tree in a git repository of its own: what is tested is what
stands here, committed or not.
"""

import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[3]
COPIER = Path(sys.executable).with_name("copier")
DATA = {
    "name": "orders",
    "environments": "staging,prod",
    "region": "eu-west-1",
    "architecture": "x86_64",
}
# What the older version had otherwise, or did not have.
OLDER = {
    "template.yaml": ("Timeout: 30", "Timeout: 20"),
    "Makefile": ("invoke: build ##", "call: build ##"),
    "src/portable_runtime/server.py": ('"""', '"""Of the older version. '),
    "alb/template.yaml": ("  AccessLogs:\n", "  OldAccessLogs:\n"),
    "cli/service/README.md": ("## Run and test", "## Run"),
}
# What the owner changed; nothing stands for a file that was deleted.
OWNED = {
    "src/app/main.py": ('f"Hello from', 'f"Orders of'),
    "template.yaml": ("LOG_LEVEL: INFO", "LOG_LEVEL: DEBUG"),
    "copilot/api/manifest.yml": ("LOG_LEVEL: INFO", "LOG_LEVEL: DEBUG"),
    "samconfig.toml": (
        "LambdaWeight = 50\nFargateWeight = 50",
        "LambdaWeight = 9\nFargateWeight = 1",
    ),
    "tests/test_app.py": ('f"Hello from', 'f"Orders of'),
    "README.md": ("# orders", "# Orders, by their owner"),
    "tests/events/not-alb.json": None,
}


def run(
    *command: str | Path, cwd: Path, status: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command and fail with all that it said unless it ends with `status`."""
    # Without what `make` and CI have set, as in a terminal of its owner.
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("CI", "ARGS", "SKIPS") and not name.startswith("MAKE")
    }
    result = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**kept, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    said = (
        f"{' '.join(map(str, command))}: exit {result.returncode}\n{result.stdout}{result.stderr}"
    )
    assert result.returncode == status, said
    return result


@contextmanager
def running(folder: Path, said: list[str], *command: str) -> Iterator[httpx.Client]:
    """Run both sides for the block, with SIGINT at its end as from a terminal.

    What `command` says is added to `said`.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr
    watchdog = threading.Timer(120, os.killpg, (process.pid, signal.SIGKILL))
    watchdog.start()
    try:
        for line in process.stderr:
            said.append(line)
            if found := re.match(r"Listening on (\S+)", line):
                break
        else:
            pytest.fail("".join(said))
        reader = threading.Thread(target=said.extend, args=(process.stderr,))
        reader.start()
        with httpx.Client(base_url=found[1], trust_env=False) as client:
            yield client
    finally:
        os.killpg(process.pid, signal.SIGINT)
        status = process.wait(60)
        watchdog.cancel()
    reader.join()
    process.stderr.close()
    # `portable run` ends with 0 on Ctrl-C; where make sees the signal first, that is its status.
    assert status in (0, -signal.SIGINT, 2)


def git(folder: Path, *arguments: str) -> str:
    owner = ("-c", "user.name=Owner", "-c", "user.email=owner@example.com")
    return run("git", *owner, *arguments, cwd=folder).stdout.strip()


def commit(folder: Path) -> str:
    """Commit all that is in `folder`, and return the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "A version")
    return git(folder, "rev-parse", "HEAD")


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path} has no {old!r} any more"
    path.write_text(text.replace(old, new, 1))


def copy_of_the_repository(folder: Path) -> Path:
    """Copy what git would commit of the working tree, so nothing that was built."""
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    return folder


def copier(
    command: str, *arguments: str | Path, cwd: Path, status: int = 0, **data: str
) -> subprocess.CompletedProcess[str]:
    """Run copier, which asks nothing."""
    given = [word for item in data.items() for word in ("--data", "=".join(item))]
    options = ("--trust", "--defaults", *given)
    return run(COPIER, command, *options, *arguments, cwd=cwd, status=status)


@dataclass(frozen=True)
class Service:
    """A service in `folder`; `fresh` is one that was made of the same version, and not changed."""

    folder: Path
    fresh: Path
    older: str  # the commit of the template that it was made of
    newer: str  # the one that it was updated to

    def make(self, *arguments: str) -> str:
        """Run `make` in it, and return what it said."""
        done = run("make", f"PYTHON={sys.executable}", *arguments, cwd=self.folder)
        return done.stdout + done.stderr

    def portable(self, *arguments: str) -> str:
        """Run its own `portable` in it, and return what it said."""
        # The engine of this machine may have a stand-in of the base image.
        allowed = {"PORTABLE_STAND_IN": "allowed"}
        command = self.folder / ".venv/bin/portable"
        return run(command, *arguments, cwd=self.folder, **allowed).stdout


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A repository with an older version of this one, and with this one: both commits."""
    folder = copy_of_the_repository(tmp_path_factory.mktemp("template"))
    for name, (new, old) in OLDER.items():
        replace(folder / name, new, old)
    older = commit(folder)
    for name, (new, old) in OLDER.items():
        replace(folder / name, old, new)
    return folder, older, commit(folder)


@pytest.fixture(scope="session")
def service(template: tuple[Path, str, str], tmp_path_factory: pytest.TempPathFactory) -> Service:
    """The service `orders`, not installed."""
    source, older, newer = template
    folder = tmp_path_factory.mktemp("services")
    made, fresh = folder / "orders", folder / "fresh"
    copier("copy", "--vcs-ref", older, source, made, cwd=folder, **DATA)
    git(made, "init", "--quiet")
    commit(made)
    for name, change in OWNED.items():
        if change:
            replace(made / name, *change)
        else:
            (made / name).unlink()
    (made / "src/app/prices.py").write_text('"""Of the owner."""\n')
    commit(made)
    copier("update", cwd=made)
    copier("copy", source, fresh, cwd=folder, **DATA)
    return Service(made, fresh, older, newer)


@pytest.fixture(scope="session")
def installed(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A copy of the service with its `.venv`: what is run in it may change its files."""
    folder = tmp_path_factory.mktemp("installed") / "orders"
    shutil.copytree(service.folder, folder)
    copy = dataclasses.replace(service, folder=folder)
    copy.make("install")
    return copy


Runner = Callable[..., subprocess.CompletedProcess[str]]
