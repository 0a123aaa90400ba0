"""Ends this sandbox on SIGTERM, but never while an answer is on its way."""

import os
import signal
import threading
from collections.abc import Callable

# Held while an event is being answered. This project's runtime client holds it until the result
# has been posted; under AWS's own it is the handler that holds it, until the result is there.
busy = threading.RLock()


def on_sigterm(end: Callable[[], object]) -> None:
    """Call `end` in a thread of its own on SIGTERM, as soon as no invocation is being answered.

    The main thread may be anywhere in C code, where it runs no Python handler: it waits for the
    next invocation there. What Python does at once is to write the signal to the wakeup pipe.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_wait, args=(reader, end), daemon=True).start()


def _wait(reader: int, end: Callable[[], object]) -> None:
    while signal.SIGTERM not in os.read(reader, 64):
        pass
    busy.acquire()  # for good: no other invocation begins
    end()
