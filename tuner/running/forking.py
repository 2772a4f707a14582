"""What a process does that has imported what workers need, and forks them for who asks at a socket.

One that asks sends a byte with its three standard files, then what it wants as JSON; or a byte,
and a function that is called in a process forked for it.
"""

import ctypes
import gc
import json
import os
import pickle
import select
import socket
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tuner.running.fork_client import OK, WORKER
from tuner.running.forked_worker import become, leave_ids
from tuner.running.lean_imports import import_lean, import_quietly

CALL = b"="
"""The first byte of a request to call a function; that for a worker has files with it."""
LOOK_S = 1.0
"""How often a server looks whether Ray's node lives."""
OF_RAY = JOB, RAYLET = "RAY_JOB_ID", "RAY_RAYLET_PID"
_TIMEOUT_S = 5.0
_ARENAS_VARIABLE = "MALLOC_ARENA_MAX"
"""Read by glibc when a process starts: how many heaps its threads share."""
_ARENAS_OPTION = -8  # M_ARENA_MAX of `mallopt`, which says the same later
_KEPT = 4
"""An ended worker's process id stays taken for so many times as long as Ray waits for its end."""
_RAY_WAITS_S = 5.0
"""Unless Ray says another time."""
_FIRST = ("torch",)
"""What every model's workers need; imported while nobody knows yet which model it will be."""


class Forked:
    """The processes that a server has forked, whose ids stay taken for a while after their end.

    Ray asks a worker to end whose placement group is removed, as that of a worker is which one
    search gives up for another. 5 s later it kills whatever has its process id, if anything has: a
    worker that has begun meanwhile, where process ids come round that soon. An ended process that
    nobody has waited for holds its id and nothing else.

    Args:
        kept_s: for how long; None for longer than Ray waits.
    """

    def __init__(self, kept_s: float | None = None) -> None:
        self._kept_s = _ray_waits_s() * _KEPT if kept_s is None else kept_s
        self._ends: dict[int, float | None] = {}

    def add(self, process: int) -> None:
        """Take a process that was forked; 0 is none."""
        if process:
            self._ends[process] = None

    def are_there(self) -> bool:
        """Return whether one lives, after looking which have ended."""
        now, look = time.monotonic(), os.WEXITED | os.WNOHANG | os.WNOWAIT
        for process, end in list(self._ends.items()):
            if end is None and os.waitid(os.P_PID, process, look) is not None:
                self._ends[process] = now
            elif end is not None and now - end > self._kept_s:
                os.waitpid(process, 0)
                del self._ends[process]
        return None in self._ends.values()


def _ray_waits_s() -> float:
    if "ray" not in sys.modules:
        return _RAY_WAITS_S
    from ray._raylet import Config  # pyright: ignore[reportAttributeAccessIssue]

    return Config.kill_worker_timeout_milliseconds() / 1000


def import_first() -> None:
    """Import what workers of all models need, the longest part of it all."""
    import_quietly(_FIRST)


def get_ready(modules: Sequence[str], num_threads: int) -> None:
    """Import these modules, for workers that train in so many threads.

    Workers have as many heaps as threads that train. Ray gives every trial a thread of its own, and
    glibc such a thread any of 8 heaps a core, each of which grows to what a trial needs: 1.2 GB
    instead of 0.4 GB a worker after 50 trials, in which thousands of pages an epoch are new.
    """
    libc = ctypes.CDLL(None)
    if _ARENAS_VARIABLE not in os.environ and hasattr(libc, "mallopt"):
        libc.mallopt(_ARENAS_OPTION, num_threads)
    import_first()
    import_lean(modules)
    gc.collect()
    gc.freeze()  # so that collecting in a worker does not copy what is shared


def serve(
    listener: socket.socket,
    asked: Mapping[str, str],
    *,
    begin: Callable[[], None] = lambda: None,
    calls: bool = False,
) -> int:
    """Fork a worker for whoever asks next, or what calls a function; return its process id.

    0 is returned where nothing was forked.

    Args:
        listener: where they ask.
        asked: variables of the Ray that workers are for; empty for none.
        begin: called in the worker first.
        calls: whether functions are called, which are unpickled for that.
    """
    client, _ = listener.accept()
    files: list[int] = []
    process = 0
    with client:
        try:
            client.settimeout(_TIMEOUT_S)
            kind, files, _, _ = socket.recv_fds(client, 1, 3)
            content = read_all(client)
            if kind == CALL and calls and (process := fork()) == 0:
                listener.close()
                _answer(client, content)
            if kind == WORKER and not _is_gone(client):
                request = json.loads(content)
                if asked == {name: request["environment"].get(name) for name in OF_RAY}:
                    if (process := fork()) == 0:
                        begin()
                        listener.close()
                        client.close()
                        become(request, files)
                    client.sendall(OK)
        except (OSError, ValueError):  # of a client that is gone
            pass
        finally:
            for file in files:
                os.close(file)
    if process:
        leave_ids()
    return process


def fork() -> int:
    """Fork this process; what is returned says which of the two goes on."""
    with warnings.catch_warnings():
        # Python warns of threads: they are numpy's, which wait for work and outlive a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side has sent all."""
    return b"".join(iter(lambda: connection.recv(1 << 20), b""))


def _is_gone(client: socket.socket) -> bool:
    """Return whether a client has ended, while it waited for this process to be ready."""
    look = select.poll()
    look.register(client, 0)  # told of a hang-up only
    return bool(look.poll(0))


def _answer(client: socket.socket, function: bytes) -> None:
    """Call a function for a client in this process, just forked; does not return."""
    try:
        client.settimeout(None)
        call = pickle.loads(function)
        answer: tuple[Exception | None, Any]
        try:
            answer = None, call()
        except Exception as error:  # noqa: BLE001  (raised again by the client)
            answer = error, None
        client.sendall(pickle.dumps(answer))
    finally:
        os._exit(0)
