"""What a search will cost, before it starts: epochs, time, model sizes, memory and disk.

Pure functions. The only calls out are to the model's own `describe_cost`.
"""

import json
import math
import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from models.errors import UserError
from models.training.contracts import ModelCost
from tuner.search.blocks import SchedulerConfig
from tuner.search.domains import ScalarDomain
from tuner.search.feasibility import judge_of_space, random_point
from tuner.search.search import Search
from tuner.search.space import Space

FORMULA = (
    "of n trials at a rung, 1 + (n - 1)/f + (1 - 2/f)(1/2 + ... + 1/n) go on, f the "
    "reduction factor, if trials do not get better as the search goes on"
)

_NUM_INSIDE = 60
_PASSES = 2  # over the keys, towards a corner: the second sees what the first changed
_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, kw_only=True)
class SearchTime:
    """Running time of all trials together, from measured epochs; hours.

    Attributes:
        trial_hours: expected, as if one trial ran after the other.
        core_hours, gpu_hours: the same times the resources of a trial.
    """

    trial_hours: float
    core_hours: float
    gpu_hours: float


@dataclass(frozen=True, kw_only=True)
class SearchCost:
    """What a search takes.

    Attributes:
        most_epochs: epochs of all trials together if none is stopped.
        expected_epochs: the same under the scheduler; see `expected_epochs`.
        trials_at_rung: each rung's epoch, and how many trials are expected to reach it.
        preset, smallest, largest: the model where nothing is searched, and at the corners of the
            space with the fewest and the most parameters.
        disk_gb: checkpoints when the search has ended, at most, all of the largest model.
        time: None where no epoch was measured.
    """

    num_trials: int
    most_epochs: int
    expected_epochs: float
    trials_at_rung: tuple[tuple[int, float], ...]
    preset: ModelCost
    smallest: ModelCost
    largest: ModelCost
    disk_gb: float
    time: SearchTime | None


def estimate_cost(search: Search, dataset: Any, epoch_s: float | None = None) -> SearchCost:
    """Estimate what a search takes.

    Args:
        search: the search.
        dataset: its data, as the model's `load_data` returned them.
        epoch_s: measured seconds of an epoch of one trial on average, validation included.
    """
    describe = search.spec.describe_cost
    num_trials, scheduler = search.num_trials, search.scheduler
    if scheduler.name == "pbt":  # the others take the places of these
        num_trials = min(num_trials, scheduler.population)
    preset = describe(search.base_config, dataset)
    smallest, largest = corner_costs(search, lambda config: describe(config, dataset))
    expected = expected_epochs(scheduler, num_trials)
    most = num_trials * scheduler.max_epochs
    return SearchCost(
        num_trials=num_trials,
        most_epochs=most,
        expected_epochs=expected,
        trials_at_rung=trials_at_rungs(scheduler, num_trials),
        preset=preset,
        smallest=smallest,
        largest=largest,
        disk_gb=checkpoint_gb(search, largest.checkpoint_mb),
        time=None if epoch_s is None else _time(search, expected, epoch_s),
    )


def trials_at_rungs(scheduler: SchedulerConfig, num_trials: int) -> tuple[tuple[int, float], ...]:
    """Return, for each rung, its epoch and how many trials are expected to reach it."""
    rungs_of_all = () if scheduler.name == "pbt" else scheduler.rungs
    reached = {math.ceil(rung): 0.0 for rung in rungs_of_all}
    for rungs, share in scheduler.brackets:
        arriving = share * num_trials
        for epoch in reached:
            reached[epoch] += arriving
            if epoch in map(math.ceil, rungs):
                arriving = expected_survivors(arriving, scheduler.reduction_factor)
    return tuple(reached.items())


def expected_epochs(scheduler: SchedulerConfig, num_trials: int) -> float:
    """Return how many epochs all trials together are expected to train."""
    return sum(epoch * num for epoch, num in ends_of_trials(scheduler, num_trials))


def ends_of_trials(scheduler: SchedulerConfig, num_trials: int) -> tuple[tuple[int, float], ...]:
    """Return the epochs at which trials end, the least first, and how many are expected to.

    Every trial trains to the first rung of its bracket; those that go on from a rung train to the
    next one, and from the last one to `max_epochs`.
    """
    ended: defaultdict[int, float] = defaultdict(float)
    for rungs, share in scheduler.brackets:
        training = share * num_trials
        for rung in map(math.ceil, rungs):
            going_on = expected_survivors(training, scheduler.reduction_factor)
            ended[rung] += training - going_on
            training = going_on
        ended[scheduler.max_epochs] += training
    return tuple(sorted(ended.items()))


def expected_survivors(num_trials: float, reduction_factor: float) -> float:
    """Return how many of the trials that reach a rung of ASHA go on from it, on average.

    The j-th to arrive goes on if it is not below the (1 - 1/f) quantile of the j - 1 before it,
    which for trials in random order has the chance (1 + (j - 2)/f) / j, and 1 for the first. So
    more than n/f of a few trials go on: 5.4 of 12 for f = 3.
    """
    if num_trials <= 1:
        return num_trials
    whole = int(num_trials)
    harmonic = sum(1 / j for j in range(2, whole + 1))
    survivors = 1 + (whole - 1) / reduction_factor + (1 - 2 / reduction_factor) * harmonic
    last_chance = (1 + (whole - 1) / reduction_factor) / (whole + 1)
    return survivors + (num_trials - whole) * last_chance


def num_kept(search: Search) -> int:
    """Return how many trials keep their checkpoints: on a Pareto front all may stand."""
    several = len(search.objectives) > 1
    return search.num_trials if several else min(search.keep.top_k, search.num_trials)


def checkpoint_gb(search: Search, checkpoint_mb: float) -> float:
    """Return what the checkpoints of a search take at most when it has ended.

    The trials that keep them keep their best `save_top_k` and, if they may go on, the last one.
    """
    largest = num_kept(search) * (search.base_config.save_top_k + 1) * checkpoint_mb / 1000
    return min(largest, search.keep.max_gb or math.inf)


def corner_costs(
    search: Search, describe: Callable[[Any], ModelCost]
) -> tuple[ModelCost, ModelCost]:
    """Return the cost at the corners of the space with the fewest and the most parameters.

    Keys are moved one by one to the end that gives the least (or most), twice over, which finds
    the corner where keys do not work against each other. The preset stands in for a corner that
    the model's rules or the search's constraints exclude. Where there are constraints the extremes
    may lie between corners, so points inside the space are looked at, too.
    """
    known: dict[str, ModelCost | None] = {}

    def cost_of(values: Mapping[str, Any]) -> ModelCost:
        return describe(search.config_for(values))

    judge = judge_of_space(search.space, cost_of)

    def cost_at(ends: Mapping[str, Any]) -> ModelCost | None:
        with suppress(UserError):  # of a formula, or of the model
            values = _point_at(search.space, ends)
            text = json.dumps(values, sort_keys=True)
            if text not in known:
                known[text] = None
                known[text] = None if any(judge(values)) else cost_of(values)
            return known[text]
        return None

    found = [_corner(search.space, cost_at, sign) for sign in (1, -1)]
    rng = random.Random(0)
    for _ in range(_NUM_INSIDE if search.space.constraints else 0):
        with suppress(UserError):
            point = random_point(search.space, rng)
            found += [] if any(judge(point)) else [cost_of(point)]
    known_costs = [cost for cost in found if cost is not None] or [describe(search.base_config)]
    by_size = sorted(known_costs, key=lambda cost: (cost.num_parameters, cost.memory_mb))
    return by_size[0], by_size[-1]


def _corner(
    space: Space, cost_at: Callable[[Mapping[str, Any]], ModelCost | None], sign: int
) -> ModelCost | None:
    def rank(ends: Mapping[str, Any]) -> tuple[float, float]:
        cost = cost_at(ends)
        if cost is None:
            return math.inf, math.inf
        return sign * cost.num_parameters, sign * cost.memory_mb

    choices = {parameter.key: parameter.extremes for parameter in space.parameters}
    ends = {key: options[0] for key, options in choices.items()}
    for _ in range(_PASSES):
        for key, options in choices.items():
            ends = min(({**ends, key: option} for option in options), key=rank)
    return cost_at(ends)


def _point_at(space: Space, ends: Mapping[str, Any]) -> dict[str, Any]:
    def pick(name: str, _: ScalarDomain) -> Any:
        return ends[name.partition("[")[0]]

    return space.walk(pick)


def _time(search: Search, expected: float, epoch_s: float) -> SearchTime:
    hours = expected * epoch_s / _SECONDS_PER_HOUR
    return SearchTime(
        trial_hours=hours,
        core_hours=hours * search.resources.cpu,
        gpu_hours=hours * search.resources.gpu,
    )
