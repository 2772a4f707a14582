"""What the tasks share that train one network with one optimizer."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.config_file import to_mapping
from models.optimization.batches import length_levels
from models.optimization.optimization import Optimization, optimization_settings
from models.optimization.parts import count_parts, least_rows
from models.training.contracts import Rows
from models.training.rows_step import RowsStep
from models.training.summed_step import SummedStep, UpdateSettings


class NetworkTask(ABC):
    """A network, its optimizer and a data set, all on one device; see `Task` for the promises.

    Building one seeds torch, before the child draws weights.

    Args:
        config: the settings.
        dataset: rows with their splits.
        device: a torch device, for example `cpu` or `cuda`.
        micro_batches: parts of a batch that are worked on one after another, to need less memory.

    Attributes:
        model: name of the model's spec.
        cpu_step_grid, gpu_step_grid: batches are cut to multiples of so many steps.
        graphed: replay CUDA graphs; decided before `train_by`.
        network: a `torch.nn.Module`, on the device.
        step: see `train_by`.
        epoch: the last one that was begun; 0 before the first.
        train_rows, val_rows: int64 (n,), positions in the data set.
        lengths: (all rows of the data set,), real steps of each.
    """

    model: str
    cpu_step_grid: int = 1
    gpu_step_grid: int = 1
    graphed: bool = False
    network: Any
    step: Any
    optimization: Optimization

    def __init__(self, config: Any, dataset: Any, device: str, micro_batches: int = 1) -> None:
        # Weights are drawn from torch's own generator, and later noise and dropout: seed it first.
        torch.manual_seed(config.seed)
        self.config = config
        self.dataset = dataset
        self.device = torch.device(device)
        self.micro_batches = micro_batches
        self.epoch = 0
        self.lengths = self.rows(dataset.lengths)
        self.train_rows, self.val_rows = self.rows(dataset.train), self.rows(dataset.val)
        self.on_batch: Callable[[int, int], None] = lambda done, total: None

    def rows(self, rows: Rows) -> Tensor:
        """Return row numbers of the data set, or a number for each row, on the CPU."""
        # Arrays may be mapped from files that must not be written to, so torch gets copies.
        return torch.as_tensor(np.array(rows))

    def update_settings(self, autocast: torch.dtype | None) -> UpdateSettings:
        """Return what a step takes of the settings."""
        return UpdateSettings(clip_norm=self.config.clip_norm, autocast=autocast)

    def train_by(
        self,
        step: SummedStep,
        select: Callable[[Tensor, int], tuple[Any, ...]],
        *,
        width: int | None = None,
        draws_numbers: bool = False,
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Train the network by a step.

        Args:
            step: sums the metrics of an epoch.
            select: `(rows, num_steps)`, what the step takes of rows of the data set. It must not
                hold the task, which would then outlive its last use until garbage is collected.
            width: numbers a layer of the network, of which depends from how many rows on a part of
                a batch is worth a thread; without it from a few on.
            draws_numbers: whether the network itself draws random numbers. Threads would draw them
                in an order of their own, and training could not be repeated.
            around: what a batch is worked on in.
        """
        self.step = step
        is_threaded = self.device.type == "cpu" and not draws_numbers
        batch_size, least = self.config.batch_size, least_rows(width)
        self.num_parts = count_parts(batch_size, least) if is_threaded else 1
        work = RowsStep(
            step,
            select,
            num_threads=self.num_parts,
            least=least,
            micro_batches=self.micro_batches,
            around=around,
        )
        levels = (
            length_levels(self.train_rows, self.lengths, batch_size, self.step_grid)
            if self.graphed
            else ()
        )
        settings = optimization_settings(self.config, self.step_grid, levels)
        self.optimization = Optimization(
            self.network, step.optimizer, work, settings, graphed=self.graphed
        )
        self.network.train()

    def validate(self) -> dict[str, float]:
        """Return the metrics of the validation rows, `loss` among them; none to leave them out."""
        return self.evaluate_on(self.dataset.val)

    @abstractmethod
    def evaluate_on(self, rows: Rows) -> dict[str, float]:
        """Return the metrics of any rows; see `Task.evaluate_on`."""

    @abstractmethod
    def rebuilt_from(self) -> dict[str, Any]:
        """Return what a checkpoint needs besides the settings to rebuild the network."""

    def train_epoch(self, epoch: int) -> dict[str, float]:
        """Train on every row once; return the step's means, learning rate and speed."""
        self.epoch = epoch
        start = time.perf_counter()
        self.step.reset()
        lr = self.optimization.train_epoch(self.train_rows, self.lengths, self.on_batch)
        means = self.step.means(epoch)  # waits for the device: read the clock after it
        seconds = time.perf_counter() - start
        return {**means, "lr": lr, "rows_per_s": len(self.train_rows) / seconds}

    def evaluate(self) -> dict[str, float]:
        """Return the metrics of the validation rows; see `Task.evaluate`."""
        metrics = self.validate()
        if metrics:
            self.optimization.on_validation_loss(metrics["loss"])
        return metrics

    @property
    def step_grid(self) -> int:
        """How finely batches are cut in time on this device."""
        return self.gpu_step_grid if self.device.type == "cuda" else self.cpu_step_grid

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
