"""However a local run ends, nothing that it started stays."""

import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable

from tests.portable.local_run import PORTABLE, ROOT, LocalRun, descendants, running_still

SAMPLE = ("--app", "cli.tests.portable.sample_app:app")


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; the suite has a limit of its own for what never does."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)


def nothing_left(of: set[int]) -> bool:
    return not running_still(of)


def test_sigkill_leaves_nothing_behind() -> None:
    run = LocalRun(*SAMPLE)
    run.wait_until_up()
    started = run.descendants()
    assert len(started) >= 5, "two tasks, the emulator, what it runs, and the reaper"
    run.process.kill()
    wait_for(lambda: nothing_left(started))
    run.stop()


def test_a_reader_that_goes_away_ends_the_run() -> None:
    """As in `portable run | head -3`, also where there is no fourth line to break the pipe."""
    command = [PORTABLE, "run", "--port", "0", *SAMPLE, "--quiet"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    line = b""
    while b"Listening on " not in line:
        line = process.stderr.readline()
        assert line, "it ended"
    started = descendants(process.pid)
    process.stdout.close()
    told = process.stderr.read().decode()
    assert process.wait(60) == 0
    process.stderr.close()
    assert nothing_left(started)
    assert "Traceback" not in told and "Exception" not in told and "Error" not in told


def test_closed_standard_streams_are_no_fault() -> None:
    script = 'exec "$0" "$@" >&- 2>&-'
    command = ["sh", "-c", script, str(PORTABLE), "run", "--port", "0", *SAMPLE]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)
    wait_for(lambda: len(descendants(process.pid)) >= 5 or process.poll() is not None)
    assert process.poll() is None
    started = descendants(process.pid)
    process.terminate()
    assert process.wait(60) == 0
    assert nothing_left(started)


def test_a_terminal_that_is_closed_ends_the_run() -> None:
    terminal, end = pty.openpty()
    command = ["setsid", "--ctty", PORTABLE, "run", "--port", "0", *SAMPLE]
    process = subprocess.Popen(command, cwd=ROOT, stdin=end, stdout=end, stderr=end)
    os.close(end)
    shown = b""
    while b"Listening on" not in shown:
        shown += os.read(terminal, 4096)
    started = descendants(process.pid)
    os.close(terminal)
    assert process.wait(60) == 0
    assert nothing_left(started)


def test_a_run_that_nohup_started_outlives_its_terminal() -> None:
    run = LocalRun(*SAMPLE, before=["nohup"])
    run.wait_until_up()
    run.process.send_signal(signal.SIGHUP)
    with run.client() as client:
        assert client.get("/sleep/0").status_code == 200
    assert run.stop() == 0
