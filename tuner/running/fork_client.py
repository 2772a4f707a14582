"""What Ray runs to start a worker: asks the fork server for it, else starts it as Ray would.

    python -IS fork_client.py SOCKET default_worker.py ARGUMENT ...

It loads no package, so that it takes a few hundredths of a second.
"""

import json
import os
import socket
import sys

_OK = b"ok"


def main() -> None:
    """Start a worker."""
    address, *command = sys.argv[1:]
    plain = command[0].endswith(".py") and not command[0].endswith("setup_worker.py")
    if not (plain and _is_forked(address, command)):
        os.execv(sys.executable, [sys.executable, *command])


def _is_forked(address: str, command: list[str]) -> bool:
    """Hand over command, environment and open files; return whether the server took them."""
    folder = os.getcwd()  # noqa: PTH109  (pathlib would take longer than all the rest)
    request = {"command": command, "environment": dict(os.environ), "folder": folder}
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            server.connect(address)
            socket.send_fds(server, [b"+"], [0, 1, 2])
            server.sendall(json.dumps(request).encode())
            server.shutdown(socket.SHUT_WR)
            return server.recv(len(_OK)) == _OK
    except OSError:
        return False


if __name__ == "__main__":
    main()
