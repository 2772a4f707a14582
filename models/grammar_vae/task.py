"""The Grammar-VAE as a task of the training loop."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.config_file import to_mapping
from models.grammar_vae.batches import evaluation_batches, training_batches
from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.data import DerivationDataset
from models.grammar_vae.evaluation import evaluate_rows, prior_metrics, row_key
from models.grammar_vae.loss import KlWeight
from models.grammar_vae.network import build_network
from models.grammar_vae.rules import build_rules
from models.grammar_vae.schedules import PlateauFactor, beta_at, lr_factor
from models.grammar_vae.step import StepSettings, TrainStep

_CPU_EVALUATION_BATCH = 512
_GPU_EVALUATION_BATCH = 4096


class GrammarVaeTask:
    """A network, its optimizer and a data set, all on one device.

    Args:
        config: the settings.
        dataset: derivations with their splits.
        device: a torch device, for example `cpu` or `cuda`.
    """

    def __init__(self, config: GrammarVaeConfig, dataset: DerivationDataset, device: str) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.dataset = dataset
        self.device = torch.device(device)
        self.network = build_network(
            config, num_ids=dataset.num_productions, num_steps=dataset.ids.shape[1]
        ).to(self.device)
        self.rules = build_rules(dataset, device)
        self.ids = torch.as_tensor(np.array(dataset.ids), device=self.device)
        self.lengths = torch.as_tensor(np.array(dataset.lengths))
        self.train_rows = torch.as_tensor(np.array(dataset.train))
        self.val_rows = torch.as_tensor(np.array(dataset.val))
        self.known_rows = {row_key(torch.as_tensor(row)) for row in dataset.ids[dataset.train]}
        self.autocast = autocast_dtype(config.precision, self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=config.lr, fused=True)
        self.shuffle = torch.Generator().manual_seed(config.seed)
        self.plateau = PlateauFactor()
        self.num_updates = 0
        self.on_batch: Callable[[int, int], None] = lambda done, total: None
        self.step = TrainStep(
            self.network,
            self.optimizer,
            self.rules,
            StepSettings(
                free_bits=config.free_bits, clip_norm=config.clip_norm, autocast=self.autocast
            ),
        )
        self.network.train()

    def train_epoch(self, epoch: int) -> dict[str, float]:
        """Train one epoch; see `Task.train_epoch`."""
        start = time.perf_counter()
        beta = self._beta(epoch)
        beta_tensor = torch.tensor(beta, device=self.device)
        batches = training_batches(
            self.train_rows, self.lengths, self.config.batch_size, self._step_grid, self.shuffle
        )
        self.step.reset()
        lr = self.config.lr
        for done, batch in enumerate(batches, start=1):
            lr = self._set_lr(num_steps=len(batches) * self.config.epochs)
            self.step(self._take(batch.rows, batch.num_steps), beta_tensor)
            self.num_updates += 1
            self.on_batch(done, len(batches))
        means = self.step.means(epoch)
        seconds = time.perf_counter() - start
        means["kl_per_dim"] = means["kl"] / self.config.z_dim
        return means | {"beta": beta, "lr": lr, "rows_per_s": len(self.train_rows) / seconds}

    def evaluate(self) -> dict[str, float]:
        """Return the metrics of the validation rows and of prior samples."""
        metrics = self.evaluate_rows(self.val_rows)
        if self.rules.tables is not None:
            metrics |= prior_metrics(self.network, self.rules, self.config.z_dim, self.known_rows)
        if self.config.lr_schedule == "plateau":
            self.plateau.update(metrics["loss"])
        return metrics

    def evaluate_rows(self, rows: Tensor) -> dict[str, float]:
        """Return the metrics of any rows (n,) of the data set."""
        batch = _GPU_EVALUATION_BATCH if self.device.type == "cuda" else _CPU_EVALUATION_BATCH
        return evaluate_rows(
            self.network,
            self.ids,
            evaluation_batches(rows, self.lengths, batch, self._step_grid),
            self.rules,
            kl_weight=KlWeight(beta=self.config.beta, free_bits=self.config.free_bits),
            autocast=self.autocast,
        )

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
            self.network.load_state_dict(state["network"])
        except RuntimeError as error:
            raise ValueError(f"the weights are of another architecture: {error}") from error
        self.optimizer.load_state_dict(state["optimizer"])
        self.shuffle.set_state(state["shuffle"].cpu())
        self.plateau.load_state_dict(state["plateau"])
        self.num_updates = state["num_updates"]

    def describe(self) -> dict[str, Any]:
        """Return the settings, the grammar and the sizes: enough to rebuild the network."""
        grammar = self.dataset.grammar
        return {
            "model": "grammar_vae",
            "config": to_mapping(self.config),
            "grammar": None if grammar is None else grammar.to_mapping(),
            "num_productions": self.dataset.num_productions,
            "num_steps": int(self.dataset.ids.shape[1]),
            "data": {"name": self.dataset.name, "digest": self.dataset.digest},
        }

    @property
    def _step_grid(self) -> int:
        """How finely batches are cut in time: exactly on a CPU, where nothing is captured."""
        return 8 if self.device.type == "cuda" else 1

    def _beta(self, epoch: int) -> float:
        return beta_at(
            epoch,
            beta=self.config.beta,
            anneal_epochs=self.config.kl_anneal_epochs,
            cycle_epochs=self.config.cycle_epochs if self.config.cyclical_beta else None,
        )

    def _set_lr(self, num_steps: int) -> float:
        factor = lr_factor(self.num_updates, num_steps=num_steps, schedule=self.config.lr_schedule)
        lr = self.config.lr * factor * self.plateau.factor
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        return lr

    def _take(self, rows: Tensor, num_steps: int) -> Tensor:
        return self.ids[rows.to(self.device), :num_steps].long()


def autocast_dtype(precision: str, device: torch.device) -> torch.dtype | None:
    """Return the dtype of matrix products, or None for float32.

    `auto` is bfloat16 where the hardware multiplies it: any recent GPU, and CPUs with AVX-512.
    """
    if precision == "float32":
        return None
    if precision == "bfloat16":
        return torch.bfloat16
    if device.type == "cuda":
        return torch.bfloat16
    fast = device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if fast else None
