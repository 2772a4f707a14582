"""The scheduler of a search: ASHA stops trials that fall behind at a rung, FIFO stops none.

Both give a worker that is free to the trial that came last. Ray's own schedulers give it to the
first, whose own worker may be starting at that moment: Ray then kills that one, and with short
trials the slots never fill.
"""

from typing import Any, Literal

import numpy as np
from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler

from tuner.outcomes import EPOCH


class _LatestFirst:
    """Chooses the latest of the trials that wait, whose worker cannot be starting yet."""

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Return the trial for the next free worker; Ray asks at every step."""
        for trial in reversed(tune_controller.get_trials()):
            if trial.status == Trial.PENDING and trial.temporary_state.ray_actor is None:
                return trial
        return None


class Asha(_LatestFirst, AsyncHyperBandScheduler):
    """ASHA over trials that wait blank."""


class Fifo(_LatestFirst, FIFOScheduler):
    """Lets every trial run to its end."""


def build_asha(
    metric: str,
    mode: Literal["min", "max"],
    *,
    max_epochs: int,
    grace_epochs: int,
    reduction_factor: float,
    seed: int,
) -> TrialScheduler:
    """Build ASHA (Li et al. 2020, the stopping variant) over epochs, with a single bracket."""
    # Ray draws each trial's bracket from numpy's global generator.
    np.random.seed(seed)
    return Asha(
        time_attr=EPOCH,
        metric=metric,
        mode=mode,
        max_t=max_epochs,
        grace_period=grace_epochs,
        reduction_factor=reduction_factor,
    )


def build_fifo() -> TrialScheduler:
    """Build the scheduler that lets every trial run to its end."""
    return Fifo()
