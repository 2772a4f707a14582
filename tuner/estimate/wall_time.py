"""How long a search takes from the command to the prompt, from a measured speed."""

from tuner.estimate.cost import SearchCost
from tuner.search.search import Search

START_S = 3.0
"""From the command to the first trial: measured on two quiet cores."""
GPU_START_S = 10.0
"""The same on a machine with an H100 and 13 cores, of which imports are the most."""
END_S = 1.5
"""From the last trial's end to the prompt."""
TRIAL_S = 0.05
"""A trial beside its epochs: building the model, the way to the driver and back."""
EPOCH_S = 0.017
"""An epoch beside training and validation: its checkpoint, and the way to the driver and back
(processor time on two cores: 106 ms an epoch, of which 89 ms are the model's)."""
_HOUR_S = 3600.0


def wall_s(
    search: Search,
    cost: SearchCost,
    num_slots: int,
    trial_s: float = TRIAL_S,
    data_s: float = 0.0,
) -> float:
    """Return the expected seconds from the command to the prompt.

    Args:
        search: the search.
        cost: what it takes, with a time measured beside as many trials as will run.
        num_slots: how many trials run side by side.
        trial_s: what a trial takes beside its epochs.
        data_s: what making the data takes, beside the rest of the start.
    """
    assert cost.time is not None
    slots = min(num_slots, cost.num_trials)
    together_s = cost.time.trial_hours * _HOUR_S
    together_s += cost.expected_epochs * EPOCH_S
    longest_s = together_s / cost.expected_epochs * search.scheduler.max_epochs
    work_s = together_s + cost.num_trials * trial_s
    # When no trial is left to start, a slot waits for half of a long trial on average.
    tail_s = longest_s / 2 * (slots - 1) / slots
    start_s = max(data_s, GPU_START_S if search.resources.gpu else START_S)
    whole_s = start_s + max(work_s / slots + tail_s, longest_s) + END_S
    return min(whole_s, start_s + END_S + (search.budget.hours or float("inf")) * _HOUR_S)
