"""What the tasks share that train one network with one optimizer."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.config_file import to_mapping
from models.optimization.optimization import Optimization


class NetworkTask(ABC):
    """A network, its optimizer and a data set, all on one device; see `Task` for the promises.

    Building one seeds torch, before the child draws weights.

    Args:
        config: the settings.
        dataset: rows with their splits.
        device: a torch device, for example `cpu` or `cuda`.

    Attributes:
        model: name of the model's spec.
        step: a training step with `reset()` and `means(epoch)`.
        train_rows, val_rows: int64 (n,), positions in the data set.
        lengths: (all rows of the data set,), real steps of each.
    """

    model: str
    step: Any
    optimization: Optimization
    train_rows: Tensor
    val_rows: Tensor

    def __init__(self, config: Any, dataset: Any, device: str) -> None:
        # Weights are drawn from torch's own generator, and later noise and dropout: seed it first.
        torch.manual_seed(config.seed)
        self.config = config
        self.dataset = dataset
        self.device = torch.device(device)
        # Arrays may be mapped from files that must not be written to, so torch gets copies.
        self.lengths = torch.as_tensor(np.array(dataset.lengths))
        self.on_batch: Callable[[int, int], None] = lambda done, total: None

    @abstractmethod
    def rebuilt_from(self) -> dict[str, Any]:
        """Return what a checkpoint needs besides the settings to rebuild the network."""

    def run_epoch(self, epoch: int) -> tuple[dict[str, float], dict[str, float]]:
        """Train on every row once; return the step's means, and learning rate and speed."""
        start = time.perf_counter()
        self.step.reset()
        lr = self.optimization.train_epoch(self.train_rows, self.lengths, self.on_batch)
        means = self.step.means(epoch)  # waits for the device: read the clock after it
        seconds = time.perf_counter() - start
        return means, {"lr": lr, "rows_per_s": len(self.train_rows) / seconds}

    def state_dict(self) -> dict[str, Any]:
        """Return weights, optimizer, schedule and the state of the shuffle."""
        return self.optimization.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; see `Optimization.load_state_dict`."""
        self.optimization.load_state_dict(state)

    def describe(self) -> dict[str, Any]:
        """Return settings, data and what else a checkpoint needs to rebuild the network."""
        return {
            "model": self.model,
            "config": to_mapping(self.config),
            **self.rebuilt_from(),
            "data": {"name": self.dataset.name, "digest": self.dataset.digest},
        }
