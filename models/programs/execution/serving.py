"""The life of a worker process: limits first, then one job after the other."""

import os
import socket
import sys
from collections.abc import Callable
from typing import Any

from models.programs.execution.frames import receive_frame, send_frame
from models.programs.execution.sandbox import allow_cpu, enter

READY = "ready"

Handler = Callable[[Any], Any]
"""Works out a job; both sides are plain values, see `frames`."""


def serve(make_handler: Callable[[], Handler]) -> None:
    """Work out the jobs that come over the connection until it closes.

    Command line: the connection's file descriptor, memory in MB, processor seconds a job, the
    parent's process id.

    Args:
        make_handler: imports and builds what is needed; called once the limits stand.
    """
    descriptor, memory_mb, cpu_s, parent = (int(argument) for argument in sys.argv[1:])
    enter(memory_mb, parent)
    connection = socket.socket(fileno=descriptor)
    handler = make_handler()
    send_frame(connection, READY)
    try:
        while True:
            job = receive_frame(connection)
            allow_cpu(cpu_s)
            send_frame(connection, handler(job))
    except (EOFError, ConnectionError):
        os._exit(0)  # the pool has closed
