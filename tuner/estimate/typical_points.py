"""A few points of a space that cost on average what its points do, to measure their speed."""

import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.training.contracts import ModelCost
from tuner.search.feasibility import judge_of_space, random_point
from tuner.search.search import Search

_NUM_DRAWN = 64
"""Points that a choice is made from: the cost of one takes a few milliseconds."""
_NUM_TRIED = 10
"""So many times as many are tried where constraints or the model's rules leave some out."""
_NUM_CHOICES = 2000


def typical_configs(search: Search, dataset: Any, count: int) -> list[Any]:
    """Return the settings of some points that are together like the whole space in what they cost.

    Of points drawn at random some are chosen whose average of parameters, memory and batches is
    nearest to that of all. The same search gives the same points every time. The preset is none of
    them, unless the space has no other: it may be larger or smaller than all that is searched.

    Args:
        search: the search.
        dataset: its data, as the model's `load_data` returned them.
        count: how many; where a space has fewer, some come again.
    """
    drawn = _drawn(search, dataset, max(_NUM_DRAWN, count))
    if not drawn:
        return [search.base_config] * count
    if len(drawn) <= count:
        return [drawn[number % len(drawn)][0] for number in range(count)]
    sizes = np.array([_sizes(config, cost) for config, cost in drawn])
    return [drawn[index][0] for index in _most_alike(sizes, count, search.seed)]


def _drawn(search: Search, dataset: Any, count: int) -> Sequence[tuple[Any, ModelCost]]:
    """Return the settings of points drawn at random that are feasible, and what they cost."""

    def cost_of(values: Mapping[str, Any]) -> ModelCost:
        return search.spec.describe_cost(search.config_for(values), dataset)

    judge = judge_of_space(search.space, cost_of)
    rng = random.Random(search.seed)
    found = []
    for _ in range(_NUM_TRIED * count):
        with suppress(UserError):  # of a formula, or of the model
            point = random_point(search.space, rng)
            if not any(judge(point)):
                found.append((search.config_for(point), cost_of(point)))
        if len(found) == count:
            break
    return found


def _sizes(config: Any, cost: ModelCost) -> list[float]:
    """Return numbers that the time of an epoch rises or falls with."""
    batch_size = getattr(config, "batch_size", 1)
    num_batches = cost.rows_per_epoch / batch_size
    parameters = cost.num_parameters
    return [parameters, np.log1p(parameters), cost.memory_mb, num_batches, np.log1p(batch_size)]


def _most_alike(sizes: NDArray[np.float64], count: int, seed: int) -> list[int]:
    """Return the rows, of many choices of so many, whose mean is nearest to that of all."""
    scaled = (sizes - sizes.mean(axis=0)) / np.maximum(sizes.std(axis=0), 1e-9)
    rng = np.random.default_rng(seed)
    orders = rng.random((_NUM_CHOICES, len(scaled))).argsort(axis=1)
    choices = orders[:, :count]
    distances = np.square(scaled[choices].mean(axis=1)).sum(axis=1)
    return choices[distances.argmin()].tolist()
