"""One worker process, seen from the pool."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import models
from models.programs.execution.frames import FrameBuffer, send_frame

_STDERR_LINES = 5


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """How workers are started and limited.

    Args:
        module: run with `python -m`; it calls `serving.serve`.
        memory_mb: address space of each; the interpreter alone takes about 100.
        job_timeout_s: wall-clock time of a job; a worker that takes longer is killed. A job may
            use as much processor time.
        start_timeout_s: wall-clock time until a fresh worker says that it is ready.
    """

    module: str
    memory_mb: int = 512
    job_timeout_s: float = 30.0
    start_timeout_s: float = 120.0


class WorkerProcess:
    """A fresh Python process that inherits nothing but its end of a connection.

    It has a process group of its own, so that Ctrl-C does not reach it, and no terminal.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `kill`
        self.connection, theirs = socket.socketpair()
        with theirs:
            arguments = [theirs.fileno(), settings.memory_mb, settings.job_timeout_s, os.getpid()]
            self._process = subprocess.Popen(
                # -P: the working directory must not stand in for our packages.
                [sys.executable, "-P", "-m", settings.module, *(str(int(a)) for a in arguments)],
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                env=_environment(),
            )
        # A worker that does not read must not hold up the pool.
        self.connection.settimeout(settings.job_timeout_s)
        self._buffer = FrameBuffer()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def send(self, content: Any) -> None:
        """Send a job.

        Raises:
            OSError: the worker has gone or does not read.
        """
        send_frame(self.connection, content)

    def read(self) -> tuple[Any] | None:
        """Read what has arrived; return a whole message in a tuple, or None when it goes on.

        Raises:
            EOFError: the worker has gone.
        """
        self._buffer.read_from(self.connection)
        return (self._buffer.take(),) if self._buffer.is_complete else None

    def kill(self) -> str:
        """End the process and all that it started; return the last lines it wrote to stderr."""
        self.connection.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with self._stderr as file:
            file.seek(0)
            lines = file.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-_STDERR_LINES:])


def _environment() -> dict[str, str]:
    """Return an environment in which the worker finds the packages that this process uses."""
    own = str(Path(models.__file__).resolve().parents[1])
    given = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{own}{os.pathsep}{given}" if given else own}
