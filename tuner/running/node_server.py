"""The fork server of one node of a cluster, for the workers of one search there.

    python -m tuner.running.node_server LISTENER FOLDER NAME THREADS MODULE ...

Started by the first worker that Ray starts there, in whose environment it lives: see `node_client`.
It ends with Ray's node, and soon after the last of its workers has ended, which is what becomes of
all of them when their job ends; a worker that is asked for later starts another server.

Its workers stay when it is killed: Ray knows them as those that it starts itself, and Ray's
core in them looks whether the node lives. So whatever they do not share with this process is as if
they had started by themselves.
"""

import os
import select
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from tuner.record.liveness import start_ticks
from tuner.running import forking
from tuner.running.node_client import locked

IDLE_S = 10.0
"""For how long a server stays without a worker."""


def main(arguments: Sequence[str]) -> None:
    """Serve until the node or the last worker has ended."""
    listening, open_folder, name, threads, *modules = arguments
    listener, folder = socket.socket(fileno=int(listening)), int(open_folder)
    asked = {variable: os.environ[variable] for variable in forking.OF_RAY}
    node = int(asked[forking.RAYLET])
    node_began = start_ticks(node)
    forking.get_ready(modules, int(threads))
    forked = forking.Forked()
    used = time.monotonic()
    while node_began is not None and start_ticks(node) == node_began:
        if _is_asked(listener, forking.LOOK_S):
            forked.add(forking.serve(listener, asked))
        if forked.are_there():
            used = time.monotonic()
        elif time.monotonic() - used > IDLE_S and _leave(listener, folder, name):
            return
    with locked(folder):
        _remove(folder, name)


def _is_asked(listener: socket.socket, timeout_s: float) -> bool:
    return bool(select.select([listener], [], [], timeout_s)[0])


def _leave(listener: socket.socket, folder: int, name: str) -> bool:
    """Remove the socket unless somebody asks in this moment; return whether that was done."""
    with locked(folder):
        if _is_asked(listener, 0):
            return False
        _remove(folder, name)
    return True


def _remove(folder: int, name: str) -> None:
    with suppress(FileNotFoundError):  # as Ray's session is
        os.unlink(name, dir_fd=folder)


if __name__ == "__main__":
    main(sys.argv[1:])
