"""A process that has imported what workers need, and forks them.

    python -m tuner.running.fork_server FILE_NUMBER MODULE ...

A worker takes 3 to 8 s to start by itself, nearly all of it imports, and on two cores two of them
hold up each other. Forked, it is there at once, and shares the memory of what is imported. Where
the server cannot help, Ray's own start is used: see `fork_client`.

It also calls functions for its user, in a process forked for each, where they find those imports.

The server is told by its standard input of the Ray that its workers are for, and ends when that
input does, so with whoever started it. Ray's core keeps some variables from the moment it is
imported, so Ray is imported only then, and workers of another Ray or job are not forked here. What
knows no Ray is imported before.
"""

import contextlib
import ctypes
import gc
import importlib
import itertools
import json
import os
import pickle
import runpy
import selectors
import shlex
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tuner.running.own_process import start_module

_CALL = b"="
"""The first byte of a request to call a function; that for a worker has files with it."""
_BACKLOG = 1024
"""Requests that wait while one is served: Ray may ask for a worker a core at the same moment."""
_KILL_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_TIMEOUT_S = 5.0
_IDS_DRAWN = 1024
"""More than the first thread of a worker draws."""
_IDS_THREADS = 16
"""More than other threads of a worker draw ids."""
_KNOWS_NO_RAY = "models."
"""Begins the names of modules that are imported while Ray still starts."""
_ARENAS_VARIABLE = "MALLOC_ARENA_MAX"
"""Read by glibc when a process starts: how many heaps its threads share."""
_OF_RAY = _JOB, _RAYLET = "RAY_JOB_ID", "RAY_RAYLET_PID"
OF_RAY_TUNE = ("pandas", "pyarrow.fs", "pyarrow.dataset", "fsspec", "requests", "jsonschema")
"""What Ray and its Tune import of others, the slowest first."""


@contextmanager
def fork_server(
    folder: Path, modules: Sequence[str], num_threads: int = 1
) -> "Iterator[ForkServer]":
    """Run a server during the block.

    Workers have as many heaps as threads that train. Ray gives every trial a thread of its own, and
    glibc such a thread any of 8 heaps a core, each of which grows to what a trial needs: 1.2 GB
    instead of 0.4 GB a worker after 50 trials, in which thousands of pages an epoch are new.

    Args:
        folder: where its files lie, private to this user.
        modules: imported when Ray is there.
        num_threads: in which a worker trains.
    """
    address = folder / "fork.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(address))
        listener.listen(_BACKLOG)  # who asks before the server listens waits for it
        number = listener.fileno()
        server = start_module(
            __spec__.name,
            str(number),
            *modules,
            stdin=subprocess.PIPE,
            output=None,
            pass_fds=[number],
            environment={_ARENAS_VARIABLE: str(num_threads)},
        )
    assert server.stdin is not None
    try:
        yield ForkServer(_write_launcher(folder / "python", address), address, server.stdin)
    finally:
        server.kill()  # it holds nothing; an end in order, with torch and Ray in it, takes a second
        server.wait()
        with contextlib.suppress(OSError):
            server.stdin.close()


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
        ours = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
        told = {**ours, _JOB: job, _RAYLET: str(raylet)}
        with contextlib.suppress(OSError):  # it died, and workers start as ever
            self._input.write(json.dumps(told).encode() + b"\n")
            self._input.flush()

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
    number, *modules = arguments
    ctypes.CDLL(None).prctl(_KILL_WITH_PARENT, signal.SIGKILL)
    listener = socket.socket(fileno=int(number))
    early = [name for name in modules if name.startswith(_KNOWS_NO_RAY)]
    import_quietly(("torch", *early, *OF_RAY_TUNE))
    os.environ.update(json.loads(sys.stdin.buffer.readline() or b"{}"))
    import_quietly(modules)
    gc.collect()
    gc.freeze()  # so that collecting in a worker does not copy what is shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how workers ended
    with selectors.DefaultSelector() as waiting:
        waiting.register(listener, selectors.EVENT_READ)
        waiting.register(0, selectors.EVENT_READ)
        for worker in itertools.count():
            if any(key.fileobj is not listener for key, _ in waiting.select()):
                return
            _serve(listener, worker)


def import_quietly(modules: Iterable[str]) -> None:
    """Import modules ahead of their use; whoever needs one that fails says what is wrong."""
    for name in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def _serve(listener: socket.socket, number: int) -> None:
    """Fork the worker of this number for whoever asks next, or what calls a function."""
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
            if all(os.environ.get(name) == request["environment"].get(name) for name in _OF_RAY):
                if _fork() == 0:
                    listener.close()
                    client.close()
                    _become(request, files, number)
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


def _become(request: dict[str, object], files: Sequence[int], number: int) -> None:
    """Turn this process, just forked, into the one that was asked for; does not return."""
    code = 1
    try:
        os.setsid()  # Ray ends a worker together with its process group
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for place, file in enumerate(files):
            os.dup2(file, place)
            os.close(file)
        os.environ.clear()
        os.environ.update(request["environment"])  # pyright: ignore
        os.chdir(str(request["folder"]))
        _draw_other_ids(number)
        sys.argv = list(request["command"])  # pyright: ignore
        sys.path[0] = str(Path(sys.argv[0]).parent)
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        os._exit(code)


def _draw_other_ids(number: int) -> None:
    """Let Ray's core in this worker draw other ids than in those of other numbers.

    All workers are forked with the same generators: that of this thread, which importing Ray has
    used, and a pool of which every other thread is given a generator when it draws its first id.
    Each worker skips the ids and the seeds of those before it.
    """
    from ray._raylet import ObjectRef

    for _ in range(number * _IDS_DRAWN):
        ObjectRef.from_random()
    for _ in range(number * _IDS_THREADS):
        skip = threading.Thread(target=ObjectRef.from_random)
        skip.start()
        skip.join()


def _write_launcher(file: Path, address: Path) -> Path:
    client = Path(__file__).with_name("fork_client.py")
    words = [sys.executable, "-IS", str(client), str(address)]
    file.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
    file.chmod(0o700)
    return file


if __name__ == "__main__":
    main(sys.argv[1:])
