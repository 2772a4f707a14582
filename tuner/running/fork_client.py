"""What Ray runs to start a worker: asks the fork server for it, else starts it as Ray would.

    python -IS fork_client.py SOCKET default_worker.py ARGUMENT ...

It loads no package, so that it takes a few hundredths of a second.
"""

import json
import os
import select
import socket
import sys

OK = b"ok"
WORKER = b"+"
"""The first byte of a request for a worker."""
BACKLOG = 1024
"""Requests that wait while one is served: Ray may ask for a worker a core at the same moment."""
_LOOK_S = 1.0


def main() -> None:
    """Start a worker."""
    address, *command = sys.argv[1:]
    plain = command[0].endswith(".py") and not command[0].endswith("setup_worker.py")
    if not (plain and _is_forked(address, command)):
        os.execv(sys.executable, [sys.executable, *command])


def ask(server: socket.socket, command: list[str], files: list[int]) -> bool:
    """Hand over command, environment and open files; return whether the server took them.

    Whoever is ended while it waits for a server that still imports asks for nothing any more.

    Raises:
        OSError: the server is gone.
    """
    parent = os.getppid()
    folder = os.getcwd()  # noqa: PTH109  (pathlib would take longer than all the rest)
    request = {"command": command, "environment": dict(os.environ), "folder": folder}
    socket.send_fds(server, [WORKER], files)
    server.sendall(json.dumps(request).encode())
    server.shutdown(socket.SHUT_WR)
    while not select.select([server], [], [], _LOOK_S)[0]:
        if os.getppid() != parent:
            sys.exit(1)
    return server.recv(len(OK)) == OK


def _is_forked(address: str, command: list[str]) -> bool:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            server.connect(address)
            return ask(server, command, [0, 1, 2])
    except OSError:
        return False


if __name__ == "__main__":
    main()
