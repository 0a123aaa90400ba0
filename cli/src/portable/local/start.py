"""Starts both sides, and says meanwhile what it waits for."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from portable.local.failure import StartError

PERIOD = 5.0  # seconds between two sentences
GRACE = 5.0  # seconds for the other side to fail, too


class Group(Protocol):
    """A target group, as far as its start goes."""

    @property
    def waiting(self) -> str:
        """What the start waits for, "" once it waits for nothing."""

    async def start(self) -> None:
        """Start its targets; raise `PortableError`."""


async def start(groups: Sequence[Group], progress: Callable[[str], None], hint: str) -> None:
    """Start `groups` side by side; `progress` gets a sentence at once, and more if it takes long.

    Where one fails the others are cancelled, and the error is raised that says most: both sides
    import the same app, and only one may tell the line. `hint` is added for a module that is
    missing.
    """
    progress("Starting both sides.")
    telling = asyncio.create_task(_tell(groups, progress))
    starting = [asyncio.create_task(group.start()) for group in groups]
    try:
        done, pending = await asyncio.wait(starting, return_when=asyncio.FIRST_EXCEPTION)
        errors = [error for task in done if (error := task.exception())]
        if any(isinstance(error, StartError) and not _place(error) for error in errors) and pending:
            done, _ = await asyncio.wait(pending, timeout=GRACE)
            errors += [error for task in done if (error := task.exception())]
    finally:
        telling.cancel()
        for task in starting:
            task.cancel()
        await asyncio.gather(*starting, telling, return_exceptions=True)
    if errors:
        error = max(errors, key=_place)
        missing = isinstance(error, StartError) and error.failure
        if missing and missing.kind == "ModuleNotFoundError":
            raise StartError(f"{error} {hint}", missing) from None
        raise error


def _place(error: BaseException) -> bool:
    return bool(isinstance(error, StartError) and error.failure and error.failure.place)


async def _tell(groups: Sequence[Group], progress: Callable[[str], None]) -> None:
    seconds = 0.0
    while True:
        await asyncio.sleep(PERIOD)
        seconds += PERIOD
        if waiting := " and ".join(filter(None, (group.waiting for group in groups))):
            progress(f"Waiting for {waiting} ({seconds:g} s so far).")
