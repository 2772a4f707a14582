"""A process that has imported what workers need, and forks them.

    python -m tuner.running.fork_server FILE_NUMBER MODULE ...

A worker takes 3 to 8 s to start by itself, nearly all of it imports, and on two cores two of them
hold up each other. Forked, it is there at once, and shares the memory of what is imported. Where
the server cannot help, Ray's own start is used: see `fork_client`.

It also calls functions for its user, in a process forked for each, where they find those imports.

The server is told by its standard input what to import and, later, of the Ray that its workers are
for; workers of another Ray or job are not forked here. It ends when that input does, so with
whoever started it, or when Ray's node is gone, and its workers end with it. Its imports are the
longest part of a search's start, so a command starts it before it reads its search:
`started_ahead`.

Ray's core keeps some variables from the moment it is imported, and that is before the Ray of the
search is there. Its first job has always the same number. By the process id of Ray's node workers
look whether it lives; ours take the user's for it, and leave the node to the server.
"""

import contextlib
import ctypes
import json
import os
import pickle
import selectors
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from tuner.record.liveness import start_ticks
from tuner.running import forking
from tuner.running.fork_client import BACKLOG
from tuner.running.forking import JOB, RAYLET
from tuner.running.own_process import start_module

FIRST_JOB = "01000000"
"""Ray's number of the first job of a cluster."""
_KILL_WITH_PARENT = 1  # PR_SET_PDEATHSIG


@dataclass(frozen=True)
class StartedServer:
    """A server that imports, and knows neither its modules nor its place yet.

    Attributes:
        process: the server.
        listener: the socket at which it will be asked.
    """

    process: "subprocess.Popen[bytes]"
    listener: socket.socket


@contextmanager
def started_ahead() -> Iterator[StartedServer]:
    """Start a server for a `fork_server` in the block; without one it ends with the block."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        number = listener.fileno()
        server = start_module(
            __spec__.name, str(number), stdin=subprocess.PIPE, output=None, pass_fds=[number]
        )
        try:
            yield StartedServer(server, listener)
        finally:
            server.kill()  # it has ended, or nobody needs it
            with contextlib.suppress(OSError), server:  # waits for it, and closes its input
                pass


@contextmanager
def fork_server(
    folder: Path,
    modules: Sequence[str],
    num_threads: int = 1,
    started: StartedServer | None = None,
) -> "Iterator[ForkServer]":
    """Run a server during the block.

    Args:
        folder: where its files lie, private to this user.
        modules: what workers need.
        num_threads: in which a worker trains.
        started: a server that was started ahead; None starts one.
    """
    address = folder / "fork.sock"
    with nullcontext(started) if started else started_ahead() as server:
        server.listener.bind(str(address))
        server.listener.listen(BACKLOG)  # who asks before the server listens waits for it
        server.listener.close()  # here; the server has it, too
        told = server.process.stdin
        assert told is not None
        _tell(told, {"modules": list(modules), "threads": num_threads})
        try:
            yield ForkServer(_write_launcher(folder / "python", address), address, told)
        finally:
            # It holds nothing; an end in order, with torch and Ray in it, takes a second.
            server.process.kill()
            server.process.wait()
            with contextlib.suppress(OSError):
                told.close()


@dataclass(frozen=True)
class ForkServer:
    """A server that runs.

    Attributes:
        launcher: the program that stands for Python in Ray's commands.
        address: the socket at which it is asked.
    """

    launcher: Path
    address: Path
    _input: IO[bytes]

    def prepare(self, job: str, raylet: int) -> None:
        """Let it get ready to fork workers.

        Args:
            job: Ray's id of the driver's job.
            raylet: process id of Ray's node.
        """
        _tell(self._input, {JOB: job, RAYLET: str(raylet)})

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function in a process of its own, and return or raise what it does.

        It waits until the server is ready. A server that is gone, or cannot load the function,
        leaves it to this process. To be called when Ray is there.
        """
        from ray import cloudpickle

        request = cloudpickle.dumps(function)  # pyright: ignore[reportPrivateImportUsage]
        answer = b""
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server,
        ):
            server.connect(str(self.address))
            server.sendall(forking.CALL + request)
            server.shutdown(socket.SHUT_WR)
            answer = forking.read_all(server)
        if not answer:
            return function()
        error, returned = pickle.loads(answer)
        if error is not None:
            raise error
        return returned


def main(arguments: Sequence[str]) -> None:
    """Serve until the standard input ends."""
    (number,) = arguments
    _end_with_parent()
    listener = socket.socket(fileno=int(number))
    forking.import_first()
    told = json.loads(sys.stdin.buffer.readline() or b"{}")
    os.environ.update({JOB: FIRST_JOB, RAYLET: str(os.getppid())})
    forking.get_ready(told.get("modules", ()), told.get("threads", 1))
    asked = json.loads(sys.stdin.buffer.readline() or b"{}")
    forked = forking.Forked()
    begin = partial(_end_with_server, os.getpid())
    with selectors.DefaultSelector() as waiting:
        waiting.register(listener, selectors.EVENT_READ)
        waiting.register(0, selectors.EVENT_READ)
        while not asked or start_ticks(int(asked[RAYLET])) is not None:
            ready = [key.fileobj for key, _ in waiting.select(forking.LOOK_S)]
            if 0 in ready:
                return
            if ready:
                theirs = asked if asked.get(JOB) == FIRST_JOB else {}
                forked.add(forking.serve(listener, theirs, begin=begin, calls=True))
            forked.are_there()


def _end_with_parent() -> None:
    """Let this process be killed when its parent ends."""
    ctypes.CDLL(None).prctl(_KILL_WITH_PARENT, signal.SIGKILL)


def _end_with_server(server: int) -> None:
    _end_with_parent()
    if os.getppid() != server:
        os._exit(1)


def _tell(server: IO[bytes], what: Mapping[str, object]) -> None:
    with contextlib.suppress(OSError):  # it died, and workers start as ever
        server.write(json.dumps(what).encode() + b"\n")
        server.flush()


def _write_launcher(file: Path, address: Path) -> Path:
    client = Path(__file__).with_name("fork_client.py")
    words = [sys.executable, "-IS", str(client), str(address)]
    file.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
    file.chmod(0o700)
    return file


if __name__ == "__main__":
    main(sys.argv[1:])
