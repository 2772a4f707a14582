"""What a model offers the training loop; the loop knows nothing else of it."""

from collections.abc import Mapping
from typing import Any, Protocol


class Task(Protocol):
    """A model with its data and optimizer, ready to be trained epoch by epoch.

    Metric keys carry no `train/` or `val/` prefix here; the loop adds it.
    """

    def train_epoch(self, epoch: int) -> dict[str, float]:
        """Train one epoch (counted from 1) and return its means over rows.

        Raises:
            TrainingDiverged: a loss or gradient is not finite.
        """
        ...

    def evaluate(self) -> dict[str, float]:
        """Return the metrics of the validation rows; leaves every random state as it was."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes in training: tensors and plain values only."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; training goes on bit for bit."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return what a checkpoint needs to stand alone: plain values only."""
        ...
