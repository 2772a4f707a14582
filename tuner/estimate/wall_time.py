"""How long searches and confirmations take from the command to the prompt: both are played."""

import heapq
import itertools
import random
from bisect import bisect
from collections.abc import Sequence

from tuner.estimate.cost import SearchCost, ends_of_trials
from tuner.search.pace import Pace
from tuner.search.search import Search

START_S = 3.0
"""From the command to the first trial: measured on two quiet cores."""
GPU_START_S = 8.0
"""The same on a machine with an H100 and 16 cores, of which imports are the most."""
END_S = 1.5
"""From the last trial's end to the prompt."""
EPOCH_S = 0.017
"""An epoch beside training and validation: its checkpoint, and the way to the driver and back
(processor time on two cores: 106 ms an epoch, of which 89 ms are the model's)."""
_HOUR_S = 3600.0
_NUM_ORDERS = 10
"""In so many orders of the trials a search is played: the longest may be the last to begin."""


def wall_s(
    search: Search, cost: SearchCost, pace: Pace, num_slots: int, data_s: float = 0.0
) -> float:
    """Return the expected seconds from the command to the prompt.

    The search is played: trials of as many epochs as the scheduler is expected to give them, each
    as fast as one of the measured points, begin where a slot is free, in several orders.

    Args:
        search: the search.
        cost: what it takes.
        pace: how fast trials train, measured beside as many as will run.
        num_slots: how many trials run side by side.
        data_s: what making the data takes, beside the rest of the start.
    """
    ends = ends_of_trials(search.scheduler, cost.num_trials)
    epochs = _epochs_of_trials(ends, cost.num_trials)
    spans_s = []
    for seed in range(_NUM_ORDERS):
        rng = random.Random(seed)
        speeds = rng.sample(pace.epochs_s, len(pace.epochs_s))
        works_s = [
            num_epochs * (epoch_s + EPOCH_S) + pace.trial_s
            for num_epochs, epoch_s in zip(
                rng.sample(epochs, len(epochs)), itertools.cycle(speeds), strict=False
            )
        ]
        spans_s.append(played_s(works_s, num_slots, pace.alone))
    span_s = sum(spans_s) / len(spans_s)
    span_s = min(span_s, (search.budget.hours or float("inf")) * _HOUR_S)
    return with_start_and_end(span_s, search.resources.gpu, data_s)


def with_start_and_end(span_s: float, gpu: float, data_s: float = 0.0) -> float:
    """Return the seconds from the command to the prompt, where trials take so many of them.

    Args:
        span_s: from the first trial's begin to the last one's end.
        gpu: the share of a GPU of each.
        data_s: what making the data takes, beside the rest of the start.
    """
    return max(data_s, GPU_START_S if gpu else START_S) + span_s + END_S


def played_s(
    works_s: Sequence[float], num_slots: int, alone: float = 1.0, num_timed: int | None = None
) -> float:
    """Return how long trials take that begin in this order wherever a slot is free.

    What is done so far, in seconds of a trial beside all others, is the same for all that run: of
    n trials the fewer run, the faster it grows, 1 / `alone` times as fast for the last one.

    Args:
        works_s: what each takes beside as many others as ran when that was timed.
        num_slots: how many run side by side.
        alone: what one takes without others beside it, as a share of that.
        num_timed: how many ran side by side when that was timed; None: as many as begin here.
    """
    waiting = iter(works_s)
    ends = list(itertools.islice(waiting, num_slots))
    heapq.heapify(ends)
    most, done, span_s = max((num_timed or len(ends)) - 1, 1), 0.0, 0.0
    while ends:
        slowness = alone + (1 - alone) * (len(ends) - 1) / most
        end = heapq.heappop(ends)
        span_s += (end - done) * slowness
        done = end
        if (work_s := next(waiting, None)) is not None:
            heapq.heappush(ends, done + work_s)
    return span_s


def _epochs_of_trials(ends: Sequence[tuple[int, float]], num_trials: int) -> list[int]:
    """Return how long each trial trains, the shortest first; together as long as expected."""
    reached = list(itertools.accumulate(num for _, num in ends))
    middles = (number + 0.5 for number in range(num_trials))
    return [ends[min(bisect(reached, middle), len(ends) - 1)][0] for middle in middles]
