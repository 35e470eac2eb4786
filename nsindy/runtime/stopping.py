"""Stopping softly: at the first Ctrl-C, or after some time, work ends with what it has."""

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["stop_softly"]


@contextlib.contextmanager
def stop_softly(
    message: str, *, seconds: float | None = None, again: Any = signal.default_int_handler
) -> Iterator[Callable[[], bool]]:
    """Give a function that tells whether to stop: from the first Ctrl-C on, or after a time.

    Outside the main thread Python leaves Ctrl-C to others, and only the time counts.

    Args:
      message: printed on standard error at the first Ctrl-C.
      seconds: after which to stop; None for never.
      again: what handles the second Ctrl-C; `signal.SIG_DFL` ends the process at once, even
        within compiled code.
    """
    end = None if seconds is None else time.monotonic() + seconds
    came = threading.Event()

    def stop() -> bool:
        return came.is_set() or (end is not None and time.monotonic() > end)

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def note(number, frame):
        came.set()
        signal.signal(signal.SIGINT, again)
        print(message, file=sys.stderr, flush=True)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
