"""The scheduler of a search: ASHA stops trials that fall behind at a rung, FIFO stops none."""

from typing import Literal

import numpy as np
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler

from tuner.outcomes import EPOCH


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
    return AsyncHyperBandScheduler(
        time_attr=EPOCH,
        metric=metric,
        mode=mode,
        max_t=max_epochs,
        grace_period=grace_epochs,
        reduction_factor=reduction_factor,
    )


def build_fifo() -> TrialScheduler:
    """Build the scheduler that lets every trial run to its end."""
    return FIFOScheduler()
