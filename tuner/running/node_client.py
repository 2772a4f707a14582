"""What Ray runs on a node of a cluster to start a worker: asks the node's fork server for it.

    python -m tuner.running.node_client MODULES THREADS default_worker.py ARGUMENT ...

Exits with 0 when the worker was forked. Else it prints why not, and whoever called it starts the
worker as Ray would; see `node_workers`. The worker's standard output is file 3, as this process's
own is for that reason.

The first that asks on a node starts the server; see `node_server`. There is one for each node, job
and runtime env. The worker that finds one dead removes its socket and starts by itself, and the
next one starts another server: one that dies again and again costs every second worker only.

Its socket lies in a folder of Ray's session that only this user may enter. Ray lets everybody write
to that session, so that another folder could come in its place: it is opened once, and what is in
it is reached by the open folder only.
"""

import fcntl
import hashlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tuner.running import fork_client
from tuner.running.own_process import start_module

SERVER = "tuner.running.node_server"
_FILES = [0, 3, 2]
_STDERR = 2
_OF_RAY = "temp-dir", "session-name", "node-id", "runtime-env-hash"
"""What Ray's command says of the worker."""


class NotForkedError(Exception):
    """Why a worker has to start by itself."""


def main() -> int:
    """Ask for a worker, and return this process's exit code."""
    modules, threads, *command = sys.argv[1:]
    try:
        said = _arguments(command)
        with private_folder(Path(said["temp-dir"], said["session-name"])) as folder:
            own = [said["node-id"], said["runtime-env-hash"], os.environ.get("RAY_JOB_ID")]
            with _server(folder, [*own, modules, threads, sys.executable]) as server:
                if fork_client.ask(server, command, _FILES):
                    return 0
        why = "the node's fork server has refused it, or died"
    except NotForkedError as error:
        why = str(error)
    except OSError as error:
        why = f"the node's fork server cannot be reached ({error.strerror or error})"
    sys.stdout.write(why)
    return 1


def _arguments(command: Sequence[str]) -> Mapping[str, str]:
    said = dict(word[2:].split("=", 1) for word in command[1:] if word[:2] == "--" and "=" in word)
    if missing := [name for name in _OF_RAY if not said.get(name)]:
        raise NotForkedError(f"this Ray does not say --{missing[0]} to its workers")
    return said


@contextmanager
def private_folder(session: Path) -> Iterator[int]:
    """Open the folder of sockets in Ray's session, made if it is not there; yields its number."""
    folder = session / f"tuner-forks-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        found = os.fstat(number)
        if found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise NotForkedError(f"others can enter {folder}")
        yield number
    finally:
        os.close(number)


@contextmanager
def locked(folder: int) -> Iterator[None]:
    """Let nobody else start or end a server of this folder in the block."""
    fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        # Said here, as the lock is also that of the server, which has the folder open.
        fcntl.flock(folder, fcntl.LOCK_UN)


def _server(folder: int, own: Sequence[str | None]) -> socket.socket:
    """Return a connection with the server of these, started if there was none."""
    name = f"{hashlib.sha256(json.dumps(own).encode()).hexdigest()[:16]}.sock"
    place = f"/proc/self/fd/{folder}/{name}"
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        server.connect(place)
    except FileNotFoundError:
        with locked(folder):
            try:
                server.connect(place)  # somebody else has started it meanwhile
            except FileNotFoundError:
                _start(folder, name, place, *sys.argv[1:3])
                server.connect(place)
    except ConnectionRefusedError:
        with locked(folder):
            _remove_if_dead(folder, name, place)
        raise NotForkedError("the node's fork server has died") from None
    return server


def _remove_if_dead(folder: int, name: str, place: str) -> None:
    """Remove a socket at which nobody listens; somebody else may have started another server."""
    with suppress(FileNotFoundError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(place)
        except ConnectionRefusedError:
            os.unlink(name, dir_fd=folder)


def _start(folder: int, name: str, place: str, modules: str, threads: str) -> None:
    """Start the server; who connects before it is ready waits for it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(place)
        try:
            listener.listen(fork_client.BACKLOG)
            numbers = [listener.fileno(), folder]
            start_module(
                SERVER,
                *(*map(str, numbers), name, threads, *modules.split(",")),
                output=_STDERR,
                pass_fds=numbers,
            )
        except (OSError, subprocess.SubprocessError):
            os.unlink(name, dir_fd=folder)
            raise


if __name__ == "__main__":
    sys.exit(main())
