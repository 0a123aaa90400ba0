"""`portable shift --local` on a real local run."""

import subprocess

from tests.portable.local_run import PORTABLE, local_run


def test_a_local_shift_without_requests_does_not_succeed() -> None:
    with local_run("--alarm-period", "2", "--quiet") as run:
        port = run.url.rpartition(":")[2]
        subprocess.run([PORTABLE, "fault", "fargate", "--errors", "30", "--port", port], check=True)
        command = [PORTABLE, "shift", "--local", "--port", port, "--to", "fargate"]
        ended = subprocess.run(
            [*command, "--steps", "75", "--bake", "1s"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        wanted = subprocess.run(
            [*command, "--steps", "90", "--bake", "1s", "--yes"],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "fargate had 0 requests while lambda 25, fargate 75 baked, fewer than 40" in ended.stderr
    assert "The listener has lambda 25, fargate 75.\nTo go back:" in ended.stderr
    assert (wanted.returncode, wanted.stdout) == (0, "The listener has lambda 10, fargate 90.\n")
    assert "Requests while it baked: fargate 0, lambda 0." in wanted.stderr
