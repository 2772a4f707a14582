"""Optimizer, learning rate and the order of batches: what a task trains with, and resumes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from models.layers.weights import load_weights
from models.optimization.batches import training_batches
from models.optimization.epochs import EagerEpochs, Epochs, GraphedEpochs, Plan, Work
from models.optimization.schedules import LrSchedule, PlateauFactor, lr_factor


@dataclass(frozen=True, kw_only=True)
class OptimizationSettings:
    """What optimization needs of a task's configuration.

    Attributes:
        lr: peak learning rate.
        lr_schedule: how it changes over the run.
        epochs: of the run.
        batch_size: rows a batch.
        step_grid: batches are cut to multiples of so many steps.
        levels: and to one of these, unless there are none.
        seed: of the order of rows.
    """

    lr: float
    lr_schedule: LrSchedule
    epochs: int
    batch_size: int
    step_grid: int
    levels: Sequence[int]
    seed: int


def optimization_settings(
    config: Any, step_grid: int, levels: Sequence[int]
) -> OptimizationSettings:
    """Return what optimization needs of a model's settings, which name it alike."""
    return OptimizationSettings(
        lr=config.lr,
        lr_schedule=config.lr_schedule,
        epochs=config.epochs,
        batch_size=config.batch_size,
        step_grid=step_grid,
        levels=levels,
        seed=config.seed,
    )


class Optimization:
    """Trains epochs over shuffled batches of like length.

    Args:
        network: what is trained.
        optimizer: over its parameters; capturable when `graphed`.
        work: a step on a batch.
        settings: of the run.
        graphed: replay CUDA graphs.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: Optimizer,
        work: Work,
        settings: OptimizationSettings,
        *,
        graphed: bool,
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.settings = settings
        self.shuffle = torch.Generator().manual_seed(settings.seed)
        self.plateau = PlateauFactor()
        self.num_updates = 0
        device = next(network.parameters()).device
        self.epochs: Epochs = (
            GraphedEpochs(work, optimizer, device, settings.batch_size)
            if graphed
            else EagerEpochs(work, optimizer, device)
        )

    def train_epoch(
        self, rows: Tensor, lengths: Tensor, on_batch: Callable[[int, int], None]
    ) -> float:
        """Train on every row once; return the learning rate of the last batch.

        Args:
            rows: int64 (n,), positions in the data set.
            lengths: (all rows of the data set,), real steps of each.
            on_batch: told how many of how many batches were handed to the device.
        """
        settings = self.settings
        batches = training_batches(
            rows, lengths, settings.batch_size, settings.step_grid, self.shuffle,
            levels=settings.levels,
        )  # fmt: skip
        lrs = self._lrs(len(batches))
        self.epochs.run(Plan(batches=batches, lrs=lrs, on_batch=on_batch))
        self.num_updates += len(batches)
        return lrs[-1]

    def on_validation_loss(self, loss: float) -> None:
        """Take in the loss after an epoch, which the schedule `plateau` goes by."""
        if self.settings.lr_schedule == "plateau":
            self.plateau.update(loss)

    def state_dict(self) -> dict[str, Any]:
        """Return weights, optimizer, schedule and the state of the shuffle."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "shuffle": self.shuffle.get_state(),
            "plateau": self.plateau.state_dict(),
            "num_updates": self.num_updates,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned.

        Raises:
            ValueError: the state belongs to another architecture.
        """
        try:
            load_weights(self.network, state["network"])
        except ValueError as error:
            raise ValueError(f"the weights are of another architecture: {error}") from error
        self.optimizer.load_state_dict(state["optimizer"])
        self.epochs.forget()
        self.shuffle.set_state(state["shuffle"].cpu())
        self.plateau.load_state_dict(state["plateau"])
        self.num_updates = state["num_updates"]

    def _lrs(self, num_batches: int) -> list[float]:
        """Return the learning rate of every batch of the next epoch."""
        settings = self.settings
        num_steps = num_batches * settings.epochs
        peak = settings.lr * self.plateau.factor
        steps = range(self.num_updates, self.num_updates + num_batches)
        schedule = settings.lr_schedule
        return [peak * lr_factor(s, num_steps=num_steps, schedule=schedule) for s in steps]
