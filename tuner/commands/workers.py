"""Workers of this machine, whose imports begin with a command: the longest part of its start.

Imports nothing that takes time itself.
"""

from contextlib import AbstractContextManager, nullcontext

from tuner.running.address import given_address
from tuner.running.fork_server import StartedServer, started_ahead


def workers_ahead(address: str | None) -> AbstractContextManager[StartedServer | None]:
    """Let what workers need be imported beside the block, unless they are on a cluster."""
    return nullcontext() if given_address(address) else started_ahead()
