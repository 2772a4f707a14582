"""Process that trains one model for as long as it is told; started by `SideBySide`, never by hand.

It says in a line of JSON what memory it took. Then it answers lines, each an order and a number:
SPEED and seconds by how many rows a second it trained, validation included; EPOCH and seconds by
what an epoch on all data takes, of which a validation on all rows may be part; NEW_TRIAL and a
number of settings by what such a trial takes beside its epochs, in a process that has trained
others.
"""

import dataclasses
import gc
import json
import os
import pickle
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from models.registry import model_spec
from models.training.memory import peak_memory_bytes
from tuner.running.mps import CUDA_CONTEXT_BYTES
from tuner.running.side_by_side import EPOCH, NEW_TRIAL, Job
from tuner.search.compared_rows import part_of
from tuner.search.machine import worker_niceness
from tuner.search.whole_epoch import timed, whole_epoch_s

_EPOCHS = 100_000
"""More than are ever trained: schedules by the step go on."""
_MB = 1e6


def main() -> None:
    """Train on demand until there is no demand any more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print is no answer
    os.nice(worker_niceness())
    import torch

    file, number = sys.argv[1:]
    job: Job = pickle.loads(Path(file).read_bytes())
    torch.set_num_threads(max(1, int(job.cores)))
    trial = _Trial(job, int(number))
    _say(answers, _memory(torch, job.device))
    for line in sys.stdin:
        order, _, which = line.strip().partition(" ")
        if order == NEW_TRIAL:
            del trial  # two would not fit everywhere
            gc.collect()
            trial = _Trial(job, int(which))
            _say(answers, {"trial_s": trial.begin_s})
        else:
            measure = trial.epoch if order == EPOCH else trial.speed
            _say(answers, measure(float(which)))


class _Trial:
    """A trial that has trained its first epochs, in which it compiles and captures.

    Attributes:
        begin_s: what it has taken until now beyond the seconds of its epochs.
    """

    def __init__(self, job: Job, number: int) -> None:
        begin = time.perf_counter()
        config = dataclasses.replace(job.configs[number % len(job.configs)], epochs=_EPOCHS)
        self._dataset = job.dataset
        self._part = part_of(job.dataset, job.num_batches * getattr(config, "batch_size", 1))
        self._task = model_spec(job.model).build_task(config, self._part, job.device)
        self._epochs = 0
        self._train()
        first = time.perf_counter()
        self._train()
        self.begin_s = max(0.0, 2 * first - begin - time.perf_counter())

    def speed(self, seconds: float) -> dict[str, float]:
        """Train for so many seconds or a little longer; return how fast."""
        num_epochs, _, spent_s = self._epochs_for(seconds)
        return {"rows_per_s": num_epochs * len(self._part.train) / spent_s}

    def epoch(self, seconds: float) -> dict[str, float]:
        """Do the same; return what an epoch on all data takes."""
        num_epochs, train_s, spent_s = self._epochs_for(seconds)
        each_s = train_s / num_epochs, (spent_s - train_s) / num_epochs
        return {
            "epoch_s": whole_epoch_s(
                self._task, self._part, self._dataset, each_s, room_s=seconds / 2
            )
        }

    def _epochs_for(self, seconds: float) -> tuple[int, float, float]:
        """Return the number of epochs, the seconds of their training, and those of all."""
        begin, train_s, num_epochs = time.perf_counter(), 0.0, 0
        while (spent_s := time.perf_counter() - begin) < seconds or not num_epochs:
            train_s += self._train()
            num_epochs += 1
        return num_epochs, train_s, spent_s

    def _train(self) -> float:
        """Train and validate; return the seconds of the former."""
        self._epochs += 1
        train_s = timed(partial(self._task.train_epoch, self._epochs))
        self._task.evaluate()
        return train_s


def _memory(torch: Any, device: str) -> dict[str, float]:
    if device == "cpu":
        total_mb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _MB
        return {"peak_mb": peak_memory_bytes() / _MB, "total_mb": total_mb}
    peak_mb = (torch.cuda.max_memory_reserved() + CUDA_CONTEXT_BYTES) / _MB
    return {"peak_mb": peak_mb, "total_mb": torch.cuda.mem_get_info()[1] / _MB}


def _say(answers: Any, content: dict[str, float]) -> None:
    answers.write(json.dumps(content) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
