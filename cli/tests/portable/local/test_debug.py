"""`portable run --debug`: a breakpoint on either side stops at the terminal."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from tests.portable.local_run import PORTABLE, ROOT, descendants, running_still


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the service that a test may change."""
    for name in ("template.yaml", "samconfig.toml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("alb", "copilot", "data", "src"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


class Terminal:
    """A terminal in which a command runs."""

    def __init__(self, *command: object, cwd: Path) -> None:
        self.number, end = pty.openpty()
        line = ["setsid", "--ctty", *map(str, command)]
        environment = {**os.environ, "TERM": "dumb"}
        self.process = subprocess.Popen(
            line, cwd=cwd, env=environment, stdin=end, stdout=end, stderr=end
        )
        os.close(end)
        self.shown = ""

    def until(self, pattern: str) -> re.Match[str]:
        """Read until `pattern` is shown; what has been read up to it is forgotten."""
        while not (found := re.search(pattern, self.shown)):
            assert select.select([self.number], [], [], 120)[0], self.shown
            self.shown += os.read(self.number, 65_536).decode("utf-8", "replace")
        self.shown = self.shown[found.end() :]
        return found

    def type(self, line: str) -> None:
        os.write(self.number, f"{line}\n".encode())


@pytest.mark.parametrize("side", ["lambda", "ecs"])
def test_a_breakpoint_stops_at_the_terminal_and_the_answer_comes(project: Path, side: str) -> None:
    main = project / "src/app/main.py"
    text = main.read_text()
    line = next(line for line in text.splitlines() if "Hello from" in line)
    indent = line[: len(line) - len(line.lstrip())]
    stop = f"{indent}answer = 6 * 7\n{indent}breakpoint()\n{line}"
    main.write_text(text.replace(line, stop))
    weights = ("--fargate-weight", "0") if side == "lambda" else ("--lambda-weight", "0")
    terminal = Terminal(PORTABLE, "run", "--debug", "--port", "0", *weights, cwd=project)
    url = terminal.until(r"Listening on (\S+)")[1]
    started = descendants(terminal.process.pid)
    answers: list[httpx.Response] = []

    def ask() -> None:
        answers.append(httpx.get(url, trust_env=False, timeout=120))

    asking = threading.Thread(target=ask)
    asking.start()
    terminal.until(r"\(Pdb\) ")
    terminal.type("answer + 1")
    assert terminal.until(r"(\d+)\r?\n\(Pdb\) ")[1] == "43"
    terminal.type("c")
    asking.join(60)
    assert answers[0].json() == f"Hello from {side}"
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(60) == 0
    os.close(terminal.number)
    assert not running_still(started)


def test_modules_of_the_service_are_imported_for_each_side_and_packages_once(project: Path) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(project / "src")!r})
import app, httptools
from portable.local.launch.debugged import forget
sys.prefix = {str(project / "src/.venv")!r}
httptools.__file__ = sys.prefix + "/httptools.py"
forget({str(project / "src")!r})
print("app" in sys.modules, "httptools" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"], done.stderr
