"""How fast a model trains on this machine, measured on a part of the data."""

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from models.errors import UserError
from models.training.contracts import ModelSpec
from tuner.search.compared_rows import part_of
from tuner.search.search import Search

_FIRST_BATCHES = 4
_GROWTH = 4


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
) -> float | None:
    """Return the training rows a second of a search's trials, on average over the space.

    The preset alone misleads: models that a search draws are often larger.

    Args:
        search: the search.
        points: some of its space, as a searcher draws them; those that the model refuses are left
            out.
        dataset: its data.
        device: where to train.
        budget_s: about how long to measure.
    """
    configs = [search.base_config]
    for point in points:
        with suppress(UserError):
            configs.append(search.config_for(point))
    share_s = budget_s / len(configs)
    speeds = [
        measure_speed(search.spec, config, dataset, device=device, budget_s=share_s)
        for config in configs
    ]
    measured = [speed for speed in speeds if speed]
    return len(measured) / sum(1 / speed for speed in measured) if measured else None
