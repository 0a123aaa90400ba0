"""SIGINT and SIGTERM as something to wait for."""

import os
import select
import signal
from types import FrameType
from typing import Any

from portable.shift.stack import Interrupted

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class ForceQuit(BaseException):
    """A second signal: the command ends at once, whatever is under way.

    A signal handler may raise it anywhere, so nothing that handles errors may catch it.
    """


class Signals:
    """In its block a signal interrupts `wait`, and one after that raises `ForceQuit` anywhere.

    A second one before `wait` told of the first waits for it, so that who is impatient has the
    step taken back too; a third one does not. Only the main thread may enter it.
    """

    def __init__(self) -> None:
        self.before: dict[int, Any] = {}
        self.seen = False  # `wait` has told of one
        self.arrived = 0

    def __enter__(self) -> "Signals":
        # A pipe, as an event may be locked by what the handler interrupts.
        self.read, self.written = os.pipe()
        os.set_blocking(self.written, False)
        for number in NUMBERS:
            self.before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
        os.close(self.read)
        os.close(self.written)

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds`; return true at once if a signal arrived or one is left over."""
        if not select.select([self.read], [], [], seconds)[0]:
            return False
        os.read(self.read, 1)
        self.seen = True
        return True

    def ask(self, descriptor: int) -> str:
        """Return the line that is typed at the terminal `descriptor`, nothing at its end.

        Raises `Interrupted` if a signal arrives meanwhile.
        """
        ready = select.select([self.read, descriptor], [], [])[0]
        if self.read in ready:
            os.read(self.read, 1)
            self.seen = True
            raise Interrupted
        return os.read(descriptor, 1024).decode(errors="replace").strip()

    def _handle(self, _: int, __: FrameType | None) -> None:
        self.arrived += 1
        if self.seen or self.arrived > 2:
            raise ForceQuit
        os.write(self.written, b"!")
