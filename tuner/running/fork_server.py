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
import gc
import itertools
import json
import os
import pickle
import selectors
import shlex
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tuner.record.liveness import start_ticks
from tuner.running.forked_worker import become
from tuner.running.lean_imports import import_lean, import_quietly
from tuner.running.own_process import start_module

_CALL = b"="
"""The first byte of a request to call a function; that for a worker has files with it."""
_BACKLOG = 1024
"""Requests that wait while one is served: Ray may ask for a worker a core at the same moment."""
_LOOK_S = 1.0
"""How often the server looks whether Ray's node lives."""
_KILL_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_TIMEOUT_S = 5.0
_ARENAS_VARIABLE = "MALLOC_ARENA_MAX"
"""Read by glibc when a process starts: how many heaps its threads share."""
_ARENAS_OPTION = -8  # M_ARENA_MAX of `mallopt`, which says the same later
_OF_RAY = _JOB, _RAYLET = "RAY_JOB_ID", "RAY_RAYLET_PID"
FIRST_JOB = "01000000"
"""Ray's number of the first job of a cluster."""
_FIRST = ("torch",)
"""What every model's workers need; imported while nobody knows yet which model it will be."""


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

    Workers have as many heaps as threads that train. Ray gives every trial a thread of its own, and
    glibc such a thread any of 8 heaps a core, each of which grows to what a trial needs: 1.2 GB
    instead of 0.4 GB a worker after 50 trials, in which thousands of pages an epoch are new.

    Args:
        folder: where its files lie, private to this user.
        modules: what workers need.
        num_threads: in which a worker trains.
        started: a server that was started ahead; None starts one.
    """
    address = folder / "fork.sock"
    with nullcontext(started) if started else started_ahead() as server:
        server.listener.bind(str(address))
        server.listener.listen(_BACKLOG)  # who asks before the server listens waits for it
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
        _tell(self._input, {_JOB: job, _RAYLET: str(raylet)})

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
            server.sendall(_CALL + request)
            server.shutdown(socket.SHUT_WR)
            answer = _read(server)
        if not answer:
            return function()
        error, returned = pickle.loads(answer)
        if error is not None:
            raise error
        return returned


def main(arguments: Sequence[str]) -> None:
    """Serve until the standard input ends."""
    (number,) = arguments
    libc = _end_with_parent()
    listener = socket.socket(fileno=int(number))
    import_quietly(_FIRST)
    told = json.loads(sys.stdin.buffer.readline() or b"{}")
    if _ARENAS_VARIABLE not in os.environ and hasattr(libc, "mallopt"):
        libc.mallopt(_ARENAS_OPTION, told.get("threads", 1))
    os.environ.update({_JOB: FIRST_JOB, _RAYLET: str(os.getppid())})
    import_lean(told.get("modules", ()))
    asked = json.loads(sys.stdin.buffer.readline() or b"{}")
    gc.collect()
    gc.freeze()  # so that collecting in a worker does not copy what is shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how workers ended
    with selectors.DefaultSelector() as waiting:
        waiting.register(listener, selectors.EVENT_READ)
        waiting.register(0, selectors.EVENT_READ)
        worker = itertools.count()
        while not asked or start_ticks(int(asked[_RAYLET])) is not None:
            ready = [key.fileobj for key, _ in waiting.select(_LOOK_S)]
            if 0 in ready:
                return
            if ready:
                _serve(listener, next(worker), asked if asked.get(_JOB) == FIRST_JOB else {})


def _end_with_parent() -> ctypes.CDLL:
    """Let this process be killed when its parent ends."""
    libc = ctypes.CDLL(None)
    libc.prctl(_KILL_WITH_PARENT, signal.SIGKILL)
    return libc


def _tell(server: IO[bytes], what: Mapping[str, object]) -> None:
    with contextlib.suppress(OSError):  # it died, and workers start as ever
        server.write(json.dumps(what).encode() + b"\n")
        server.flush()


def _serve(listener: socket.socket, number: int, asked: Mapping[str, str]) -> None:
    """Fork the worker of this number for whoever asks next, or what calls a function.

    Args:
        listener: where they ask.
        number: of the next worker.
        asked: variables of the Ray that workers are for; empty for none.
    """
    client, _ = listener.accept()
    files: list[int] = []
    with client, contextlib.suppress(OSError, ValueError):  # of a client that is gone
        client.settimeout(_TIMEOUT_S)
        try:
            kind, files, _, _ = socket.recv_fds(client, 1, 3)
            content = _read(client)
            if kind == _CALL:
                if _fork() == 0:
                    listener.close()
                    _answer(client, content)
                return
            request = json.loads(content)
            theirs = {name: request["environment"].get(name) for name in _OF_RAY}
            if asked == theirs:
                server = os.getpid()
                if _fork() == 0:
                    _end_with_parent()
                    if os.getppid() != server:
                        os._exit(1)
                    listener.close()
                    client.close()
                    become(request, files, number)
                client.sendall(b"ok")
        finally:
            for file in files:
                os.close(file)


def _fork() -> int:
    with warnings.catch_warnings():
        # Python warns of threads: they are numpy's, which wait for work and outlive a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _answer(client: socket.socket, function: bytes) -> None:
    """Call a function for a client in this process, just forked; does not return."""
    try:
        client.settimeout(None)
        call = pickle.loads(function)
        try:
            answer = None, call()
        except Exception as error:  # noqa: BLE001  (raised again by the client)
            answer = error, None
        client.sendall(pickle.dumps(answer))
    finally:
        os._exit(0)


def _read(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 20), b""))


def _write_launcher(file: Path, address: Path) -> Path:
    client = Path(__file__).with_name("fork_client.py")
    words = [sys.executable, "-IS", str(client), str(address)]
    file.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
    file.chmod(0o700)
    return file


if __name__ == "__main__":
    main(sys.argv[1:])
