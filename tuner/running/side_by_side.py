"""Training in several processes at a time, to see how fast they are together.

They are started, and not forked as `tuner check` does for CPU cores: a GPU does not survive a fork.
"""

import json
import pickle
import select
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from models.errors import UserError

_READY_S = 180.0
"""From the start of a process until it has trained its first epochs, beside fifteen others."""
SPEED = "speed"
"""Asks for so many seconds of training."""
EPOCH = "epoch"
"""Asks for the same, and for what an epoch on all data takes."""
NEW_TRIAL = "trial"
"""Asks for a new trial of the settings whose number follows."""
_LATE_S = 60.0
"""How long an answer may take beyond the seconds that were asked for: the length of an epoch."""


class TrainersLost(UserError):
    """A process that trains has ended, or is silent."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the processes train.

    Attributes:
        model: its name.
        configs: settings of a trial, for one process after another, from the start again.
        dataset: the data.
        device: where to train.
        cores: of each process.
        num_batches: of an epoch, which trains on a part of the data.
    """

    model: str
    configs: Sequence[Any]
    dataset: Any
    device: str
    cores: float
    num_batches: int


class SideBySide:
    """Processes that train for as long as they are told; started when they are needed.

    Args:
        folder: for what they read and say; exists.
        job: what they train.
        seconds: of a measurement.
    """

    def __init__(self, folder: Path, job: Job, *, seconds: float) -> None:
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

    def speeds(self, count: int) -> list[float]:
        """Return the training rows a second, validation included, of each of so many at a time.

        Raises:
            TrainersLost: one of them ended, or is silent.
        """
        return [answer["rows_per_s"] for answer in self._trained(SPEED, count)]

    def epochs_s(self, count: int) -> list[float]:
        """Return the seconds of an epoch on all data, validation included, of each of so many.

        Raises:
            TrainersLost: one of them ended, or is silent.
        """
        return [answer["epoch_s"] for answer in self._trained(EPOCH, count)]

    def rows_per_s(self, count: int) -> float:
        """Return the same of so many together."""
        return sum(self.speeds(count))

    def trial_s(self, count: int, first: int = 0) -> list[float]:
        """Return what a new trial takes beside its epochs, in each of so many at a time.

        Args:
            count: how many.
            first: number of the settings of the first one; the next ones follow.

        Raises:
            TrainersLost: one of them ended, or is silent.
        """
        orders = [f"{NEW_TRIAL} {first + number}" for number in range(count)]
        return [answer["trial_s"] for answer in self._ask(orders, _READY_S)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            with process:  # waits for it, and closes its pipes
                pass

    def _trained(self, order: str, count: int) -> list[dict[str, float]]:
        return self._ask([f"{order} {self._seconds}"] * count, self._seconds + _LATE_S)

    def _ask(self, orders: Sequence[str], patience_s: float) -> list[dict[str, float]]:
        """Give each of the first processes its order; return what they answer."""
        self._start(len(orders))
        asked = self._processes[: len(orders)]
        for process, order in zip(asked, orders, strict=True):
            assert process.stdin is not None
            process.stdin.write(f"{order}\n")
            process.stdin.flush()
        return [self._answer(process, patience_s) for process in asked]

    def _start(self, count: int) -> None:
        """Start the processes that are missing, and wait until all are ready."""
        new = range(len(self._processes), count)
        for number in new:
            with self._log.open("a") as log:
                trainer = [sys.executable, "-m", "tuner.running.share_trainer"]
                self._processes.append(
                    subprocess.Popen(
                        [*trainer, str(self._file), str(number)],
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
