"""Joins a Ray cluster as a worker node, and stays: python -m cluster.slurm.join HOST:PORT [FLAGS].

Every node of a Slurm job runs it at once, maybe before the head is there. A node that was cut off
for so long that the head took it for lost ends, and joins again. Ray's files lie in RAY_TMPDIR; the
folder around it is this user's only, and goes when the node ends.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_PATIENCE_S = 60.0
_POLL_S = 0.5


def main() -> None:
    """Join whenever the head listens, until a signal asks for the end."""
    address, *flags = sys.argv[1:]
    os.environ.pop("RAY_ADDRESS", None)
    own = _make_private(Path(os.environ["RAY_TMPDIR"]).parent)
    # Two nodes of one machine need ports of their own; 0 lets the system choose.
    command = ["start", "--block", f"--address={address}", "--dashboard-agent-listen-port=0"]
    node: list[subprocess.Popen[bytes]] = []
    asked: list[int] = []

    def end(number: int, frame: Any) -> None:
        # It must not wait here: the wait that it interrupts holds the lock that waiting takes.
        asked.append(number)
        living = [process for process in node if process.poll() is None]
        for process in living:
            process.send_signal(number)
        if not living:
            sys.exit(128 + number)

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, end)
    while True:
        _wait_for(address)
        node[:] = [
            subprocess.Popen([sys.executable, "-m", "ray.scripts.scripts", *command, *flags])
        ]
        code = node[0].wait()
        if asked:
            shutil.rmtree(own, ignore_errors=True)
            sys.exit(128 + asked[-1])
        print(f"the node ended with exit code {code}; it joins again", flush=True)  # noqa: T201


def _make_private(folder: Path) -> Path:
    """Make a folder that nobody else can enter; in /tmp anybody can have made it before."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        sys.exit(f"others can enter {folder}: have it deleted")
    return folder


def _wait_for(address: str) -> None:
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=_POLL_S).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                sys.exit(f"no Ray head answers at {address}")
            time.sleep(_POLL_S)


if __name__ == "__main__":
    main()
