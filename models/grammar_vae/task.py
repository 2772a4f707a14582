"""The Grammar-VAE as a task of the training loop."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from models.config_file import to_mapping
from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.data import DerivationDataset
from models.grammar_vae.evaluation import EvaluationSettings, row_keys
from models.grammar_vae.loss import KlWeight
from models.grammar_vae.network import build_network
from models.grammar_vae.rules import build_rules
from models.grammar_vae.step import RowsStep, StepSettings, TrainStep
from models.grammar_vae.validation import Validation
from models.optimization.batches import evaluation_batches
from models.optimization.optimization import Optimization, OptimizationSettings
from models.optimization.parts import count_parts
from models.optimization.precision import autocast_dtype
from models.optimization.schedules import beta_at

_CPU_EVALUATION_BATCH = 512
_GPU_EVALUATION_BATCH = 1024
_GPU_STEP_GRID = 4
"""Batches on a GPU are cut to multiples of this many steps, a graph for each."""


class GrammarVaeTask:
    """A network, its optimizer and a data set, all on one device.

    Args:
        config: the settings.
        dataset: derivations with their splits.
        device: a torch device, for example `cpu` or `cuda`.
        graphed: replay CUDA graphs; None does so on a GPU.
    """

    def __init__(
        self,
        config: GrammarVaeConfig,
        dataset: DerivationDataset,
        device: str,
        *,
        graphed: bool | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.dataset = dataset
        self.device = torch.device(device)
        self.graphed = self.device.type == "cuda" if graphed is None else graphed
        self.network = build_network(
            config, num_ids=dataset.num_productions, num_steps=dataset.ids.shape[1]
        ).to(self.device)
        self.rules = build_rules(dataset, device)
        self.ids = torch.as_tensor(np.array(dataset.ids), device=self.device)
        self.lengths = torch.as_tensor(np.array(dataset.lengths))
        self.train_rows = torch.as_tensor(np.array(dataset.train))
        self.known_rows = frozenset(row_keys(dataset.ids[dataset.train]))
        self.autocast = autocast_dtype(config.precision, self.device)
        optimizer = torch.optim.Adam(
            self.network.parameters(), lr=config.lr, fused=True, capturable=self.graphed
        )
        self.on_batch: Callable[[int, int], None] = lambda done, total: None
        self.step = TrainStep(
            self.network,
            optimizer,
            self.rules,
            StepSettings(
                free_bits=config.free_bits, clip_norm=config.clip_norm, autocast=self.autocast
            ),
        )
        self.beta = torch.zeros((), device=self.device)
        self.optimization = Optimization(
            self.network,
            optimizer,
            RowsStep(self.step, self.ids, self.beta, num_parts=self.num_parts),
            OptimizationSettings(
                lr=config.lr,
                lr_schedule=config.lr_schedule,
                epochs=config.epochs,
                batch_size=config.batch_size,
                step_grid=self._step_grid,
                seed=config.seed,
            ),
            graphed=self.graphed,
        )
        self.validation = self.validation_of(dataset.val)
        self.network.train()

    def train_epoch(self, epoch: int) -> dict[str, float]:
        """Train one epoch; see `Task.train_epoch`."""
        start = time.perf_counter()
        beta = self._beta(epoch)
        self.beta.fill_(beta)
        self.step.reset()
        lr = self.optimization.train_epoch(self.train_rows, self.lengths, self.on_batch)
        means = self.step.means(epoch)
        seconds = time.perf_counter() - start
        means["kl_per_dim"] = means["kl"] / self.config.z_dim
        return means | {"beta": beta, "lr": lr, "rows_per_s": len(self.train_rows) / seconds}

    def evaluate(self) -> dict[str, float]:
        """Return the metrics of the validation rows and of prior samples."""
        metrics = self.validation()
        self.optimization.on_validation_loss(metrics["loss"])
        return metrics

    def validation_of(self, rows: np.ndarray) -> Validation:
        """Return the validation of any rows (n,) of the data set."""
        batch_size = _GPU_EVALUATION_BATCH if self.graphed else _CPU_EVALUATION_BATCH
        chosen = torch.as_tensor(np.array(rows))
        batches = evaluation_batches(chosen, self.lengths, batch_size, self._step_grid)
        return Validation(
            self.network,
            self.ids,
            list(batches),
            known_rows=self.known_rows,
            settings=EvaluationSettings(
                rules=self.rules,
                kl_weight=KlWeight(beta=self.config.beta, free_bits=self.config.free_bits),
                autocast=self.autocast,
            ),
            graphed=self.graphed,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return weights, optimizer, schedule and the state of the shuffle."""
        return self.optimization.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; see `Optimization.load_state_dict`."""
        self.optimization.load_state_dict(state)

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
    def num_parts(self) -> int:
        """Parts of a batch that are trained side by side: one where dropout draws random numbers.

        Threads would draw them in an order of their own, and training could not be repeated.
        """
        has_dropout = self.config.decoder_dropout > 0 and self.config.decoder_layers > 1
        if self.device.type != "cpu" or has_dropout:
            return 1
        return count_parts(self.config.batch_size)

    @property
    def _step_grid(self) -> int:
        """How finely batches are cut in time: exactly on a CPU, where nothing is captured."""
        return _GPU_STEP_GRID if self.device.type == "cuda" else 1

    def _beta(self, epoch: int) -> float:
        return beta_at(
            epoch,
            beta=self.config.beta,
            anneal_epochs=self.config.kl_anneal_epochs,
            cycle_epochs=self.config.cycle_epochs if self.config.cyclical_beta else None,
        )
