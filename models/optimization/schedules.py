"""How beta and the learning rate change over training: pure functions of the epoch or step."""

import math
from typing import Literal

from models.effects import Applies

LrSchedule = Literal["constant", "plateau", "cosine", "one_cycle"]

WARM_UP = 0.3
"""Share of a one-cycle run in which the rate rises (Smith and Topin 2017)."""

PLATEAU_PATIENCE = 5
_SMALLEST_FACTOR = 1e-3
"""Epochs without a better loss after which `plateau` halves the learning rate."""
PLATEAU = Applies(
    key="lr_schedule",
    on="epochs",
    above=PLATEAU_PATIENCE + 2,
    of=("plateau",),
    why=f"it waits for more than {PLATEAU_PATIENCE} epochs behind the best one",
)


def beta_at(epoch: int, *, beta: float, anneal_epochs: int, cycle_epochs: int | None) -> float:
    """Return the weight of the KL term in an epoch.

    Args:
        epoch: counted from 1; annealing starts at 0 in the first epoch.
        beta: the weight that is reached.
        anneal_epochs: epochs of the linear rise (Bowman et al. 2016); 0 gives beta at once.
        cycle_epochs: length of a cycle (Fu et al. 2019, section 3.2), or None for a single rise.
            A cycle rises over its first half and holds beta over its second;
            `anneal_epochs` plays no part then.
    """
    if anneal_epochs == 0 and cycle_epochs is None:
        return beta
    if cycle_epochs is None:
        return beta * min(1.0, (epoch - 1) / anneal_epochs)
    rise = max(1, cycle_epochs // 2)
    return beta * min(1.0, ((epoch - 1) % cycle_epochs) / rise)


def lr_factor(step: int, *, num_steps: int, schedule: LrSchedule) -> float:
    """Return the share of the peak learning rate at an optimizer step of the whole run.

    Args:
        step: counted from 0.
        num_steps: steps of the whole run.
        schedule: `plateau` depends on the metric and is left to `PlateauFactor`: 1 here.
    """
    if schedule in ("constant", "plateau"):
        return 1.0
    # The last step gets the last rate. A resume with more epochs goes on along a longer curve.
    progress = min(1.0, step / max(1, num_steps - 1))
    if schedule == "cosine":
        return _half_cosine(1.0, 0.01, progress)
    # From a 25th of the peak, as PyTorch's OneCycleLR, which ends lower: at a 250,000th.
    if progress < WARM_UP:
        return _half_cosine(1 / 25, 1.0, progress / WARM_UP)
    return _half_cosine(1.0, 1e-4, (progress - WARM_UP) / (1 - WARM_UP))


class PlateauFactor:
    """Halves the learning rate when a loss has not improved for `patience` epochs."""

    def __init__(self, patience: int = PLATEAU_PATIENCE) -> None:
        self.patience = patience
        self.factor = 1.0
        self.best = math.inf
        self.stale_epochs = 0

    def update(self, loss: float) -> None:
        """Take in the loss of an epoch."""
        if loss < self.best:
            self.best, self.stale_epochs = loss, 0
            return
        self.stale_epochs += 1
        if self.stale_epochs > self.patience:
            self.factor = max(_SMALLEST_FACTOR, self.factor / 2)
            self.stale_epochs = 0

    def state_dict(self) -> dict[str, float]:
        """Return what changes."""
        return {"factor": self.factor, "best": self.best, "stale_epochs": self.stale_epochs}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Take over what `state_dict` returned."""
        self.factor, self.best = state["factor"], state["best"]
        self.stale_epochs = int(state["stale_epochs"])


def _half_cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
