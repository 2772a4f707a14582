"""How fast a model trains on this machine, measured on a part of the data."""

import dataclasses
import multiprocessing
import os
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from models.errors import UserError
from models.training.contracts import ModelSpec
from tuner.estimate.wall_time import TRIAL_S
from tuner.search.compared_rows import part_of
from tuner.search.search import Search

_FIRST_BATCHES = 4
_GROWTH = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast a trial trains.

    Attributes:
        rows_per_s: training rows a second, validation included.
        trial_s: what it takes beside its epochs.
    """

    rows_per_s: float
    trial_s: float = TRIAL_S


def measure_speed(
    spec: ModelSpec,
    config: Any,
    dataset: Any,
    *,
    device: str = "cpu",
    budget_s: float = 10.0,
    clock: Callable[[], float] = time.perf_counter,
) -> float | None:
    """Return the training rows a second of one trial, validation included.

    A growing part of the data is trained for two epochs each, until the next part would not fit
    into the budget. The second epoch of the last part counts: the first one compiles and captures.

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
    num_rows = _FIRST_BATCHES * getattr(config, "batch_size", 1)
    speed = None
    while True:
        part = part_of(dataset, num_rows)
        task = spec.build_task(config, part, device)
        task.train_epoch(1)
        task.evaluate()
        start = clock()
        task.train_epoch(2)
        task.evaluate()
        seconds = clock() - start
        speed = len(part.train) / seconds
        whole = len(part.train) == len(dataset.train)  # pyright: ignore[reportAttributeAccessIssue]
        if whole or clock() - begin + 2 * _GROWTH * seconds > budget_s:
            return speed
        num_rows *= _GROWTH


def measure_search_speed(
    search: Search,
    points: Iterable[Mapping[str, Any]],
    dataset: Any,
    *,
    device: str = "cpu",
    budget_s: float = 12.0,
    num_parallel: int = 1,
) -> float | None:
    """Return the training rows a second of one of a search's trials, on average over the space.

    The preset alone misleads: models that a search draws are often larger. So does a trial that has
    the machine for itself: cores share caches and memory, and may be two of one.

    Args:
        search: the search.
        points: some of its space, as a searcher draws them; those that the model refuses are left
            out.
        dataset: its data.
        device: where to train.
        budget_s: about how long to measure.
        num_parallel: how many trials will run side by side; on CPU cores so many processes measure
            at the same time.
    """
    configs = legal_configs(search, points)
    share_s = budget_s / len(configs)

    def measure(first: int) -> list[float | None]:
        turns = [*configs[first % len(configs) :], *configs[: first % len(configs)]]
        return [
            measure_speed(search.spec, config, dataset, device=device, budget_s=share_s)
            for config in turns
        ]

    if device == "cpu" and num_parallel > 1:
        found = _side_by_side(measure, num_parallel)
    else:
        found = [measure(0)]
    measured = [speed for speeds in found for speed in speeds if speed]
    return len(measured) / sum(1 / speed for speed in measured) if measured else None


def legal_configs(search: Search, points: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Return the settings of the preset, and of those points that the model takes."""
    configs = [search.base_config]
    for point in points:
        with suppress(UserError):
            configs.append(search.config_for(point))
    return configs


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
