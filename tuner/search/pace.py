"""How fast trials train."""

from collections.abc import Sequence
from dataclasses import dataclass

TRIAL_S = 0.05
"""A trial beside its epochs: building the model, the way to the driver and back."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast trials train.

    Attributes:
        epochs_s: seconds of an epoch on all data, validation included, at points of the space,
            beside as many trials as will run.
        trial_s: what a trial takes beside its epochs.
        alone: what an epoch takes without others beside it, as a share of that: trials that share
            a card get faster when others have ended.
    """

    epochs_s: Sequence[float]
    trial_s: float = TRIAL_S
    alone: float = 1.0

    @property
    def epoch_s(self) -> float:
        """Seconds of an epoch on average."""
        return sum(self.epochs_s) / len(self.epochs_s)
