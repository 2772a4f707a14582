"""How fast a model trains on this machine, measured on a part of the data."""

import dataclasses
import math
import multiprocessing
import os
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from models.errors import UserError
from models.training.contracts import ModelSpec
from tuner.search.compared_rows import part_of
from tuner.search.machine import worker_niceness
from tuner.search.search import Search
from tuner.search.whole_epoch import timed, whole_epoch_s

_FIRST_BATCHES = {"cpu": 4, "cuda": 64}
_GROWTH = 4.0
_LEAST_GROWTH = 2.0
_LEAST_S = 1e-6
_TRAINED = 2 / 3
"""So much of the time is for training."""
_NUM_POINTS, _NUM_ON_WHOLE_CARDS = 6, 4
"""Points of the space that are measured at least, by all processes together; fewer where trials
have whole cards, on which each takes seconds to begin."""
_POINT_S = 6.0
"""As long as one point is measured at most."""


def measure_epoch(
    spec: ModelSpec,
    config: Any,
    dataset: Any,
    *,
    device: str = "cpu",
    budget_s: float = 10.0,
    clock: Callable[[], float] = time.perf_counter,
) -> float | None:
    """Return the seconds of an epoch of one trial on all data, validation included.

    A growing part of the data is trained for two thirds of the budget at most, but for the last
    part, of which the faster of two epochs counts, and of two validations: the first may compile
    and capture, and either may have waited for others that use the machine.

    Args:
        spec: the model.
        config: its settings.
        dataset: its data, with row numbers in `train` and `val`; None is returned for another.
        device: where to train.
        budget_s: about how long to measure.
        clock: seconds that only rise.
    """
    if not (dataclasses.is_dataclass(dataset) and hasattr(dataset, "train")):
        return None
    begin = clock()
    num_rows = _FIRST_BATCHES[device] * getattr(config, "batch_size", 1)
    while True:
        part = part_of(dataset, num_rows)
        whole = len(part.train) == len(dataset.train)  # pyright: ignore[reportAttributeAccessIssue]
        task = spec.build_task(config, part, device)
        first_s = timed(partial(task.train_epoch, 1), clock)
        left_s = budget_s * _TRAINED - (clock() - begin)
        more = min(left_s / max(2 * first_s, _LEAST_S), _GROWTH)
        if whole or more < _LEAST_GROWTH:
            break
        num_rows = int(len(part.train) * more)
    train_s = min(first_s, timed(partial(task.train_epoch, 2), clock))
    val_s = min(timed(task.evaluate, clock) for _ in range(2))
    room_s = budget_s * (1 - _TRAINED)
    return whole_epoch_s(task, part, dataset, (train_s, val_s), room_s=room_s, clock=clock)


def num_measured(num_parallel: int, *, whole_cards: bool = False) -> int:
    """Return how many points are measured where so many trials run side by side.

    Every process measures as many as the others; where each trial has a card for itself, there is
    one process.
    """
    if whole_cards:
        return _NUM_ON_WHOLE_CARDS
    return math.ceil(_NUM_POINTS / num_parallel) * num_parallel


def measure_search_epochs(
    search: Search,
    configs: Sequence[Any],
    dataset: Any,
    *,
    device: str = "cpu",
    budget_s: float = 20.0,
    num_parallel: int = 1,
) -> list[float]:
    """Return the seconds of an epoch of some of a search's trials; none for data without rows.

    The preset alone misleads: models that a search draws may be larger or smaller. So does a trial
    that has the machine for itself: cores share caches and memory, and may be two of one.

    Args:
        search: the search.
        configs: settings of trials that it may draw; see `typical_configs`.
        dataset: its data.
        device: where to train.
        budget_s: about how long to measure, at most.
        num_parallel: how many trials will run side by side; on CPU cores so many processes measure
            at the same time, each its part of the points.
    """
    num_processes = min(num_parallel, len(configs)) if device == "cpu" else 1
    share_s = min(_POINT_S, budget_s * num_processes / len(configs))

    def measure(first: int) -> list[float | None]:
        return [
            measure_epoch(search.spec, config, dataset, device=device, budget_s=share_s)
            for config in configs[first::num_processes]
        ]

    found = _side_by_side(measure, num_processes) if num_processes > 1 else [measure(0)]
    return [seconds for each in found for seconds in each if seconds is not None]


def _side_by_side(measure: Callable[[int], Any], num_parallel: int) -> Sequence[Any]:
    """Return what a function returns for 0, 1, ..., called in processes at the same time.

    Raises:
        UserError: a process was killed, as happens where memory runs out.
    """
    context = multiprocessing.get_context("fork")
    answers = []
    with warnings.catch_warnings():
        # Python warns of threads: they are numpy's, which wait for work and outlive a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        for number in range(num_parallel):
            here, there = context.Pipe(duplex=False)
            context.Process(
                target=_send, args=(partial(measure, number), there), daemon=True
            ).start()
            there.close()
            answers.append(here)
    return [_receive(answer) for answer in answers]


def _send(call: Callable[[], Any], pipe: Connection) -> None:
    os.nice(worker_niceness())
    try:
        answer = call(), None
    except Exception as error:  # noqa: BLE001  (raised again by the parent)
        answer = None, error
    pipe.send(answer)
    os._exit(0)  # nothing of the parent is to be tidied up here


def _receive(answer: Connection) -> Any:
    try:
        returned, error = answer.recv()
    except EOFError:
        raise UserError(
            "a process that measured the speed was killed: the trials side by side may need more "
            "memory than there is; give each more cores (resources.cpu), or leave the measurement "
            "out with --no_measure"
        ) from None
    if error is not None:
        raise error
    return returned
