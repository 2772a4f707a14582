"""Ports for servers that tests start, which nobody else takes before the server does."""

import random
import socket

_RANGE = range(26_000, 32_768)
"""Above those of Ray's workers, below those that a connection gets for its own end."""


def free_ports(count: int) -> list[int]:
    """Return ports of this machine that nobody listens on.

    The kernel gives a port that it was asked for, and that was let go, to the next connection of
    any process, and a server that starts for seconds then finds it taken. It gives nobody these.
    """
    found: list[int] = []
    for port in random.SystemRandom().sample(_RANGE, len(_RANGE)):
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"{count} ports of {_RANGE.start} to {_RANGE.stop - 1} are not free")
