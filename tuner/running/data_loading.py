"""Loads the data of a search beside the start of Ray and of its workers.

Making a data set keeps a processor busy for seconds, as the start of Ray does, and in one process
they would take turns. So a child process makes it, forked while that is safe: before this process
has loaded Ray or torch, whose threads could hold a lock at that moment. Else a thread makes it.
"""

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from models.errors import UserError
from models.training.contracts import ProgressCallback

Load = Callable[[ProgressCallback], Any]
Waits = Callable[[Callable[[], None]], Any]
"""Waits for the data and returns them; calls what it is given ten times a second meanwhile."""

_THREADED_LIBRARIES = ("ray", "torch")
_POLL_S = 0.1


@contextmanager
def loading_beside(
    load: Load, progress: ProgressCallback, then: Callable[[Any], Any] = lambda data: data
) -> Iterator[Waits]:
    """Load data beside the block; what goes wrong is raised where the data are waited for.

    Args:
        load: makes the data, and tells its argument how far it is.
        progress: told how far it is.
        then: takes the data, in a thread of this process, and returns what is waited for.
    """
    child = _fork(load) if _may_fork() else None
    get = partial(_receive, *child, progress) if child else partial(load, progress)
    try:
        yield partial(_wait, _begin(lambda: then(get())))
    finally:
        if child:
            child[0].terminate()
            child[0].join()


def _begin(get: Callable[[], Any]) -> Future[Any]:
    """Call a function in a thread that nobody waits for when it is not needed any more."""
    future: Future[Any] = Future()

    def serve() -> None:
        try:
            future.set_result(get())
        except BaseException as error:  # noqa: BLE001  (raised by whoever waits)
            future.set_exception(error)

    threading.Thread(target=serve, name="data", daemon=True).start()
    return future


def _wait(future: Future[Any], meanwhile: Callable[[], None]) -> Any:
    while True:
        meanwhile()
        with suppress(TimeoutError):
            return future.result(_POLL_S)


def _may_fork() -> bool:
    return not any(name in sys.modules for name in _THREADED_LIBRARIES)


def _fork(load: Load) -> tuple[Any, Any]:
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(load, there), daemon=True)
    with warnings.catch_warnings():
        # Python warns of numpy's and a progress bar's threads; the child takes no lock of theirs.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    there.close()
    return process, here


def _send(load: Load, pipe: Connection) -> None:
    """Load the data and send them; the parent decides what a signal means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with suppress(BrokenPipeError):  # the parent is gone
        try:
            data = load(lambda *done: pipe.send(("progress", done)))
        except Exception as error:  # noqa: BLE001  (raised again by the parent)
            pipe.send(("error", error))
        else:
            pipe.send(("data", data))
    os._exit(0)  # nothing of the parent is to be tidied up here


def _receive(process: Any, pipe: Any, progress: ProgressCallback) -> Any:
    while True:
        try:
            kind, content = pipe.recv()
        except EOFError:
            process.join()
            raise UserError(
                f"the process that loads the data ended with exit code {process.exitcode}: "
                "it may have run out of memory; take fewer rows or a larger machine"
            ) from None
        if kind == "progress":
            progress(*content)
        elif kind == "error":
            raise content
        else:
            return content
