"""How long a search takes from the command to the prompt, from a measured speed."""

import math
from dataclasses import dataclass

from tuner.estimate.cost import SearchCost
from tuner.search.search import Search

START_S = 3.0
"""From the command to the first trial: measured on two quiet cores."""
GPU_START_S = 14.0
"""The same on a machine with an H100 and 13 cores, of which imports are the most."""
END_S = 1.5
"""From the last trial's end to the prompt."""
TRIAL_S = 0.05
"""A trial beside its epochs: building the model, the way to the driver and back."""
EPOCH_S = 0.017
"""An epoch beside training and validation: its checkpoint, and the way to the driver and back
(processor time on two cores: 106 ms an epoch, of which 89 ms are the model's)."""
_HOUR_S = 3600.0
_NUM_STEPS = 60


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast a trial trains beside the others.

    Attributes:
        rows_per_s: training rows a second, validation included.
        trial_s: what it takes beside its epochs.
        num_on_card: how many trials were measured on one card.
        gain: so many times the rows a second of one of them alone do all of them together.
    """

    rows_per_s: float
    trial_s: float = TRIAL_S
    num_on_card: int = 1
    gain: float = 1.0


def wall_s(search: Search, cost: SearchCost, num_slots: int, pace: Pace) -> float:
    """Return the expected seconds from the command to the prompt.

    Args:
        search: the search.
        cost: what it takes, with the time that follows from the pace.
        num_slots: how many trials run side by side.
        pace: measured beside as many trials as will run on a card.
    """
    assert cost.time is not None
    slots = min(num_slots, cost.num_trials)
    together_s = cost.time.trial_hours * _HOUR_S + cost.expected_epochs * EPOCH_S
    together_s *= relief(pace, together_s / cost.num_trials)
    longest_s = together_s / cost.expected_epochs * search.scheduler.max_epochs
    work_s = together_s + cost.num_trials * pace.trial_s
    # When no trial is left to start, a slot waits for half of a long trial on average.
    tail_s = longest_s / 2 * (slots - 1) / slots
    start_s = GPU_START_S if search.resources.gpu else START_S
    whole_s = start_s + max(work_s / slots + tail_s, longest_s) + END_S
    return min(whole_s, start_s + END_S + (search.budget.hours or float("inf")) * _HOUR_S)


def relief(pace: Pace, training_s: float) -> float:
    """Return what part of its seconds a training takes, as not all others train all the time.

    A card that so many trials use up does not wait while one of them is built and captured: the
    others are faster then. What `k` trials reach together is taken for 1 - exp(-k / saturation).

    Args:
        pace: of a trial beside others.
        training_s: of a trial, if all others train all the time.
    """
    count, part = pace.num_on_card, 1.0
    if count == 1 or pace.gain >= count:
        return part
    saturation = _saturation(count, max(pace.gain, 1.0))
    for _ in range(_NUM_STEPS):
        training = count * part * training_s / (part * training_s + pace.trial_s)
        reached = math.expm1(-training / saturation) / math.expm1(-count / saturation)
        part = (part + training / count / reached) / 2  # halfway, so that it settles
    return part


def _saturation(count: int, gain: float) -> float:
    """Return how many trials use up a card, of which `count` are `gain` times as fast as one."""
    low, high = 0.05, 100.0 * count
    for _ in range(_NUM_STEPS):
        middle = math.sqrt(low * high)
        found = math.expm1(-count / middle) / math.expm1(-1 / middle)
        low, high = (middle, high) if found < gain else (low, middle)
    return low
