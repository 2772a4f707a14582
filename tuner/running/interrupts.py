"""What ends a search from outside: Ctrl-C, SIGTERM and the like, or the loss of Ray.

The first signal ends the search in order, the second at once. Python's own KeyboardInterrupt could
strike in the middle of a line of the study's journal. So while trials run a signal only sets a
flag, which Ray's loop looks at ten times a second. Where the main thread waits inside of Ray, for
a service that hangs or is gone, another thread records the end.
"""

import ctypes
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from tuner.errors import SearchInterrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_PATIENCE_S = 25.0
"""From the first signal until the search ends at once, in order or not."""
_PATIENCE_WITHOUT_RAY_S = 3.0
_PATIENCE_WITH_MAIN_THREAD_S = 15.0
_RAY_INSTALLS_HANDLERS = "_ZN3ray6RayLog27InstallFailureSignalHandlerEPKcb"
"""The C++ function `ray::RayLog::InstallFailureSignalHandler(program, call_previous_handler)`."""
_PROGRAM = b"tuner"
"""For Ray, which keeps no copy."""
_ALARM = signal.SIGUSR2
"""Wakes the main thread where it waits for a Ray that is gone."""


class Interrupts:
    """Remembers what ends the search, and raises it when it is safe.

    Attributes:
        last_resort: records the end in another thread, if the main thread cannot be reached.
    """

    def __init__(self) -> None:
        self.last_resort: Callable[[SearchInterrupted], None] = lambda reason: None
        self._reason: SearchInterrupted | None = None
        self._raised = False
        self._deferring = False
        self._is_over = False
        self._late: threading.Timer | None = None

    @property
    def exit_code(self) -> int:
        """What the process ends with, as far as that is decided here."""
        return 0 if self._reason is None else self._reason.exit_code

    def check(self) -> None:
        """Raise what was deferred.

        Raises:
            SearchInterrupted: a signal came, or Ray was lost.
        """
        if self._reason is not None:
            self._raised = True
            raise self._reason

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Inside the block a signal raises nothing: `check` does."""
        before, self._deferring = self._deferring, True
        try:
            yield
        finally:
            self._deferring = before

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Inside the block, where the search takes its leave, not even the alarm raises."""
        self._raised = True
        with self.deferred():
            yield

    def end_with(self, reason: SearchInterrupted) -> None:
        """Let `check` raise this; what came first stays. May be called by any thread."""
        self._reason = self._reason or reason

    def insist(self, ended: threading.Event) -> None:
        """See to it that the main thread ends the search, which may wait for a Ray that is gone.

        To be called by another thread. If nothing helps, the process ends here.
        """
        if signal.getsignal(_ALARM) != self.on_alarm:
            return  # no signals are caught, as the search runs in another thread than the main one
        if not ended.wait(_PATIENCE_WITHOUT_RAY_S):
            signal.pthread_kill(threading.main_thread().ident or 0, _ALARM)
        if not ended.wait(_PATIENCE_WITHOUT_RAY_S) and not self._raised:
            self._give_up()

    def on_alarm(self, number: int, frame: FrameType | None) -> None:
        """Handle the alarm."""
        if not self._raised:
            self.check()

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if self._reason is not None:
            os._exit(self._reason.exit_code)  # Ray's processes are ended by their watcher
        self._reason = SearchInterrupted(exit_code=128 + number)
        self._late = threading.Timer(_PATIENCE_S, self._give_up)
        self._late.daemon = True
        self._late.start()
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        sys.stderr.write(f"\n{name}: ending the search (once more leaves at once)\n")
        if not self._deferring:
            self.check()

    def _give_up(self) -> None:
        if self._is_over:
            return
        try:
            assert self._reason is not None
            self.last_resort(self._reason)
        finally:
            os._exit(self.exit_code)

    def on_arrival(self, number: int) -> None:
        """Handle a signal in another thread, if the main thread waits where Python cannot act."""
        time.sleep(_PATIENCE_WITH_MAIN_THREAD_S)
        if self._reason is None:
            self._reason = SearchInterrupted(exit_code=128 + number)
            self._give_up()

    def over(self) -> None:
        """End nothing any more: signals are others' again."""
        self._is_over = True
        if self._late is not None:
            self._late.cancel()


@contextmanager
def catch_signals() -> Iterator[Interrupts]:
    """Catch SIGINT and SIGTERM inside the block; elsewhere than in the main thread catch none."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    handlers = {**dict.fromkeys(_SIGNALS, interrupts.on_signal), _ALARM: interrupts.on_alarm}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        with _told_of_arrivals(interrupts.on_arrival):
            yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        interrupts.over()


@contextmanager
def _told_of_arrivals(tell: Callable[[int], None]) -> Iterator[None]:
    """Let a thread be told of signals when they arrive; handlers wait for the main thread."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def listen() -> None:
        with reader:
            while number := reader.recv(1):
                if number[0] in _SIGNALS:
                    tell(number[0])

    threading.Thread(target=listen, name="arrival of signals", daemon=True).start()
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        writer.close()


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Undo what Ray does to the handlers of signals when the block connects, in whatever thread.

    Its C++ part takes SIGTERM for a crash, behind Python's back and while nobody else can act. It
    does so once in a process, so it is made to do it before, where that is undone at once.
    """
    get, put = ctypes.pythonapi.PyOS_getsig, ctypes.pythonapi.PyOS_setsig
    get.restype = put.restype = ctypes.c_void_p
    put.argtypes = [ctypes.c_int, ctypes.c_void_p]
    before = {number: get(int(number)) for number in _SIGNALS}
    try:
        _install_handlers_of_ray()
        for number, handler in before.items():
            put(number, handler)
        yield
    finally:  # again, for a Ray that calls its function otherwise
        for number, handler in before.items():
            put(number, handler)


def _install_handlers_of_ray() -> None:
    import ray._raylet

    library = ctypes.CDLL(ray._raylet.__file__)
    if hasattr(library, _RAY_INSTALLS_HANDLERS):
        getattr(library, _RAY_INSTALLS_HANDLERS)(_PROGRAM, ctypes.c_bool(True))
