"""Commands over the socket of a local run."""

import asyncio
import stat
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from portable.errors import PortableError
from portable.local.operate.control import Answer, Control, NoLocalRun, ask


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the sockets, which is the machine's otherwise."""
    monkeypatch.setattr(
        "portable.local.operate.control._path", lambda port: tmp_path / f"c/{port}.sock"
    )
    return tmp_path / "c"


@asynccontextmanager
async def control(**commands: Any) -> AsyncIterator[Control]:
    running = Control(commands)
    await running.start(8080)
    try:
        yield running
    finally:
        await running.aclose()


async def asked(*arguments: Any, **more: Any) -> Answer:
    return await asyncio.to_thread(ask, *arguments, **more)


def run(test: Callable[[], Any]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))


async def double(number: int) -> Answer:
    return {"result": number * 2}


def test_answers_a_command():
    async def test() -> None:
        async with control(double=double):
            assert await asked(8080, "double", number=21) == {"result": 42}

    run(test)


def test_says_what_the_run_says_against_a_command():
    async def refuse() -> Answer:
        raise PortableError("that cannot be done.")

    async def test() -> None:
        async with control(refuse=refuse):
            with pytest.raises(PortableError, match=r"^that cannot be done\.$"):
                await asked(8080, "refuse")

    run(test)


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("triple", {}, "knows no command 'triple', only double"),
        ("double", {"text": "x"}, "cannot double: .*unexpected keyword"),
    ],
)
def test_names_what_it_does_not_know(command: str, arguments: dict[str, str], message: str):
    async def test() -> None:
        async with control(double=double):
            with pytest.raises(PortableError, match=message):
                await asked(8080, command, **arguments)

    run(test)


def test_without_a_local_run_it_says_how_to_start_one():
    with pytest.raises(NoLocalRun, match="no local run listens on port 9: start one with"):
        ask(9, "state")


def test_a_socket_in_a_folder_that_others_can_write_to_is_not_believed(folder: Path):
    async def test() -> None:
        async with control(double=double):
            folder.chmod(0o777)
            with pytest.raises(PortableError, match=r"cannot ask .*: it is open to other users"):
                await asked(8080, "double", number=21)

    run(test)


def test_the_socket_is_in_the_users_own_folder_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.undo()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    async def test() -> None:
        async with control(double=double):
            assert (tmp_path / "portable/8080.sock").is_socket()
            assert await asked(8080, "double", number=21) == {"result": 42}

    run(test)


def test_after_the_end_nobody_answers():
    async def test() -> None:
        async with control(double=double):
            pass
        with pytest.raises(NoLocalRun):
            await asked(8080, "double", number=1)

    run(test)


def test_a_socket_that_a_killed_run_left_behind_is_no_obstacle(folder: Path):
    folder.mkdir(mode=0o700)
    (folder / "8080.sock").touch()
    with pytest.raises(NoLocalRun):
        ask(8080, "double")

    async def test() -> None:
        async with control(double=double):
            assert (await asked(8080, "double", number=2))["result"] == 4

    run(test)


def test_only_this_user_can_ask(folder: Path):
    async def test() -> None:
        async with control(double=double):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    run(test)


def test_refuses_a_folder_that_is_open_to_others(folder: Path):
    folder.mkdir(mode=0o700)
    folder.chmod(0o777)

    async def test() -> None:
        with pytest.raises(PortableError, match="open to other users"):
            await Control({}).start(8080)

    run(test)


def test_an_answer_that_does_not_come_is_an_error():
    release = threading.Event()

    async def forever() -> Answer:
        while not release.is_set():
            await asyncio.sleep(0.01)
        return {}

    async def test() -> None:
        async with control(forever=forever):
            with pytest.raises(PortableError, match="on port 8080 does not answer"):
                await asked(8080, "forever", timeout=0.2)
            release.set()

    run(test)


def test_the_end_of_the_run_ends_the_commands_under_way():
    begun = asyncio.Event()

    async def forever() -> Answer:
        begun.set()
        await asyncio.get_running_loop().create_future()
        return {}

    async def test() -> None:
        async with control(forever=forever):
            asking = asyncio.create_task(asked(8080, "forever", timeout=10))
            await begun.wait()
        with pytest.raises(NoLocalRun):
            await asking

    run(test)
