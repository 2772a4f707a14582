"""Joins a Ray cluster as a worker node, and stays: python -m cluster.slurm.join HOST:PORT [FLAGS].

Every node of a Slurm job runs it at once, maybe before the head is there.
"""

import os
import socket
import sys
import time

_PATIENCE_S = 60.0
_POLL_S = 0.5


def main() -> None:
    """Wait until the head listens, then become `ray start`."""
    address, *flags = sys.argv[1:]
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=_POLL_S).close()
            break
        except OSError:
            if time.monotonic() > deadline:
                sys.exit(f"no Ray head answers at {address}")
            time.sleep(_POLL_S)
    os.environ.pop("RAY_ADDRESS", None)
    # Two nodes of one machine need ports of their own; 0 lets the system choose.
    command = ["start", "--block", f"--address={address}", "--dashboard-agent-listen-port=0"]
    os.execv(sys.executable, [sys.executable, "-m", "ray.scripts.scripts", *command, *flags])


if __name__ == "__main__":
    main()
