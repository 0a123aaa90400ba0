"""Child processes: their output, their end, and the end of what they started."""

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable

import pytest

from portable.errors import PortableError
from portable.local.processes import Process, all_or_first_error, free_port

ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}


class Lines:
    """What processes wrote."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))

    async def until(self, text: str) -> str:
        while True:
            for _, line in self.lines:
                if line.startswith(text):
                    return line
            await asyncio.sleep(0.005)


def run(
    script: str,
    use: Callable[[Process, Lines], Awaitable[None]],
    environment: dict[str, str] | None = None,
    cleanup: tuple[str, ...] = (),
) -> None:
    async def main() -> None:
        lines = Lines()
        command = [sys.executable, "-c", script]
        process = await Process.start("p", command, environment or ENVIRONMENT, lines, cleanup)
        try:
            async with asyncio.timeout(20):
                await use(process, lines)
        finally:
            await process.kill()

    asyncio.run(main())


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


def test_output_comes_line_by_line_from_both_streams():
    async def use(process: Process, lines: Lines) -> None:
        assert await process.wait() == 3
        assert sorted(lines.lines) == [("p", "err"), ("p", "no end"), ("p", "out")]
        assert not process.running

    script = "import sys; print('out'); print('err', file=sys.stderr); print('no end', end='')"
    run(script + "; sys.exit(3)", use)


def test_a_very_long_line_and_bytes_that_are_not_utf8():
    async def use(process: Process, lines: Lines) -> None:
        await process.wait()
        assert [line for _, line in lines.lines] == ["a" * 200_000, "\ufffd\u00e9"]

    script = (
        "import sys; w = sys.stdout.buffer.write; w(b'a' * 200000 + b'\\n\\xff\\xc3\\xa9\\r\\n')"
    )
    run(script, use)


def test_gets_nothing_but_the_environment_given():
    async def use(process: Process, lines: Lines) -> None:
        await process.wait()
        assert ("p", "None 1") in lines.lines

    script = "import os; print(os.environ.get('HOME'), os.environ['ONLY'])"
    run(script, use, {"ONLY": "1"})


def test_a_line_of_any_length_is_one_line():
    async def use(process: Process, lines: Lines) -> None:
        await process.wait()
        assert [len(line) for _, line in lines.lines] == [20_000_000, 3]

    run("print('x' * 20_000_000); print('end')", use)


def test_knows_where_it_listens():
    script = (
        "import os, socket, time\n"
        "s = socket.create_server(('127.0.0.1', 0)); print('port', s.getsockname()[1])\n"
        "if not os.fork(): t = socket.create_server(('::1', 0), family=socket.AF_INET6); "
        "print('other', t.getsockname()[1]); time.sleep(60)\n"
        "time.sleep(60)\n"
    )

    async def use(process: Process, lines: Lines) -> None:
        found = [await lines.until("port "), await lines.until("other ")]
        assert process.ports() == sorted(int(line.split()[1]) for line in found)

    run(script, use)


def test_error_is_the_last_line_of_a_traceback():
    async def use(process: Process, lines: Lines) -> None:
        await process.wait()
        assert str(process.failure()) == "ModuleNotFoundError: No module named 'nothing'"

    run("import nothing", use)


def test_error_reads_json_lines():
    """As the app logs them: the exception counts, not what was said after it."""
    script = (
        "import json\n"
        "text = 'Traceback (most recent call last):\\n  File x\\nValueError: bad.'\n"
        "print(json.dumps({'message': 'failed', 'exception': text}))\n"
        "print(json.dumps({'message': 'Application startup failed. Exiting.'}))\n"
    )

    async def use(process: Process, lines: Lines) -> None:
        await process.wait()
        assert str(process.failure()) == "ValueError: bad"

    run(script, use)


@pytest.mark.parametrize(
    ("script", "error"), [("pass", "it wrote nothing"), ("print('a');print(5);print()", "5")]
)
def test_error_without_a_traceback(script, error):
    async def use(process: Process, lines: Lines) -> None:
        await process.wait()
        assert str(process.failure()) == error

    run(script, use)


def test_a_command_that_is_not_there():
    with pytest.raises(PortableError, match="cannot start '/no/such': No such file"):
        asyncio.run(Process.start("p", ["/no/such"], {}, print))


def test_terminate_lets_the_process_end_by_itself():
    script = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit(0)))\n"
        "print('up'); time.sleep(60)\n"
    )

    async def use(process: Process, lines: Lines) -> None:
        await lines.until("up")
        await process.terminate(20)
        assert process.child.returncode == 0
        assert ("p", "bye") in lines.lines

    run(script, use)


def test_terminate_kills_after_the_grace():
    script = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('up'); time.sleep(60)\n"
    )

    async def use(process: Process, lines: Lines) -> None:
        await lines.until("up")
        await process.terminate(0.05)
        assert process.child.returncode == -9
        await process.terminate(0.05)  # a second time does nothing

    run(script, use)


@pytest.mark.parametrize("how", ["kill", "end"])
def test_everything_that_it_started_ends_with_it(how):
    """The grandchild is in a process group of its own, as the emulator's children are."""
    script = (
        "import subprocess, sys, time\n"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "print(subprocess.Popen(sleep, process_group=0).pid)\n"
        f"time.sleep({0 if how == 'end' else 60})\n"
    )

    async def use(process: Process, lines: Lines) -> None:
        grandchild = int(await lines.until(""))
        await (process.wait() if how == "end" else process.kill())
        while alive(grandchild):
            await asyncio.sleep(0.005)

    run(script, use)


def test_cleanup_runs_once_when_the_process_ends(tmp_path):
    trace = tmp_path / "trace"
    append = (sys.executable, "-c", f"open({str(trace)!r}, 'a').write('x')")

    async def use(process: Process, lines: Lines) -> None:
        await process.wait()
        await process.kill()
        assert trace.read_text() == "x"

    run("pass", use, cleanup=append)


def test_all_or_first_error():
    ended: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append("cancelled")

    async def fail() -> None:
        await asyncio.sleep(0)
        raise PortableError("no")

    async def succeed() -> None:
        ended.append("done")

    async def main() -> None:
        await all_or_first_error([succeed(), succeed()])
        with pytest.raises(PortableError, match=r"^no$"):
            await all_or_first_error([hang(), fail()])

    asyncio.run(main())
    assert ended == ["done", "done", "cancelled"]


def test_a_free_port_can_be_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
