"""The same training in several processes at a time, to see how fast they are together."""

import json
import pickle
import select
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from models.errors import UserError

_READY_S = 180.0
"""From the start of a process until it has trained its first epochs, beside fifteen others."""
_LATE_S = 60.0
"""How long an answer may take beyond the seconds that were asked for: the length of an epoch."""


class TrainersLost(UserError):
    """A process that trains has ended, or is silent."""


class SideBySide:
    """Processes that train for as long as they are told; started when they are needed.

    Args:
        folder: for what they read and say; exists.
        job: what `share_trainer.py` reads: model, settings, data, device, cores.
        seconds: of a measurement.
    """

    def __init__(self, folder: Path, job: tuple[Any, ...], *, seconds: float) -> None:
        self._file = folder / "job.pickle"
        self._file.write_bytes(pickle.dumps(job))
        self._log = folder / "trainers.log"
        self._seconds = seconds
        self._processes: list[subprocess.Popen[str]] = []
        self._memory: dict[str, float] = {}

    @property
    def peak_mb(self) -> float:
        """What one process takes of the device's memory.

        Raises:
            TrainersLost: it does not train.
        """
        self._start(1)
        return self._memory["peak_mb"]

    @property
    def total_mb(self) -> float:
        """The device's memory."""
        self._start(1)
        return self._memory["total_mb"]

    def rows_per_s(self, count: int) -> float:
        """Return the training rows a second, validation included, of so many processes together.

        Raises:
            TrainersLost: one of them ended, or is silent.
        """
        self._start(count)
        for process in self._processes[:count]:
            assert process.stdin is not None
            process.stdin.write(f"{self._seconds}\n")
            process.stdin.flush()
        found = [self._answer(one, self._seconds + _LATE_S) for one in self._processes[:count]]
        return sum(answer["rows_per_s"] for answer in found)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            with process:  # waits for it, and closes its pipes
                pass

    def _start(self, count: int) -> None:
        """Start the processes that are missing, and wait until all are ready."""
        new = range(len(self._processes), count)
        for _ in new:
            with self._log.open("a") as log:
                command = [sys.executable, "-m", "tuner.running.share_trainer", str(self._file)]
                self._processes.append(
                    subprocess.Popen(
                        command,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        text=True,
                    )
                )
        for number in new:
            self._memory = self._answer(self._processes[number], _READY_S)

    def _answer(self, process: subprocess.Popen[str], patience_s: float) -> dict[str, float]:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], patience_s)
        line = process.stdout.readline() if ready else ""
        if not line:
            said = self._log.read_text(errors="replace").strip().splitlines()[-1:]
            raise TrainersLost(": ".join(["no answer" if not ready else "it ended", *said]))
        return json.loads(line)
