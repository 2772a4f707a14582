"""The Grammar-VAE as a task of the training loop."""

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.data import DerivationDataset
from models.grammar_vae.evaluation import EvaluationSettings, row_keys
from models.grammar_vae.loss import KlWeight
from models.grammar_vae.network.network import build_network
from models.grammar_vae.rules import build_rules
from models.grammar_vae.step import TrainStep
from models.grammar_vae.validation import Validation
from models.optimization.batches import evaluation_batches
from models.optimization.optimizers import Adam
from models.optimization.parts import least_rows, torch_threads
from models.optimization.precision import autocast_dtype
from models.optimization.schedules import beta_at
from models.training.contracts import Rows
from models.training.network_task import NetworkTask

_CPU_EVALUATION_BATCH = 512
_GPU_EVALUATION_BATCH = 1024


class GrammarVaeTask(NetworkTask):
    """The task of a Grammar-VAE on derivations.

    Args:
        graphed: replay CUDA graphs; None does so on a GPU.
    """

    model = "grammar_vae"

    def __init__(
        self,
        config: GrammarVaeConfig,
        dataset: DerivationDataset,
        device: str,
        *,
        micro_batches: int = 1,
        graphed: bool | None = None,
    ) -> None:
        super().__init__(config, dataset, device, micro_batches)
        self.graphed = self.device.type == "cuda" if graphed is None else graphed
        self.network = build_network(
            config, num_ids=dataset.num_productions, num_steps=dataset.ids.shape[1]
        ).to(self.device)
        self.rules = build_rules(dataset, device)
        # Arrays may be mapped from files that must not be written to, so torch gets copies.
        self.ids = torch.as_tensor(np.array(dataset.ids), device=self.device)
        self.known_rows = frozenset(row_keys(dataset.ids[dataset.train]))
        self.autocast = autocast_dtype(config.precision, self.device)
        # A captured step cannot read the rate and the count of updates from the host: capturable
        # keeps them on the device.
        optimizer = Adam(
            self.network.parameters(), lr=config.lr, fused=True, capturable=self.graphed
        )
        settings = self.update_settings(self.autocast)
        step = TrainStep(
            self.network, optimizer, settings, rules=self.rules, free_bits=config.free_bits
        )
        # Graphs read beta at this address, so an epoch fills it and never replaces it.
        self.beta = torch.zeros((), device=self.device)
        self.train_by(
            step,
            partial(_select, self.ids, self.beta),
            width=config.decoder_hidden,
            draws_numbers=config.decoder_dropout > 0 and config.decoder_layers > 1,
            around=partial(_around, self.device, config),
        )
        self.validation = self.validation_of(dataset.val)

    def train_epoch(self, epoch: int) -> dict[str, float]:
        """Train one epoch at its weight of the KL term."""
        beta = self._beta(epoch)
        self.beta.fill_(beta)
        return {**super().train_epoch(epoch), "beta": beta}

    def validate(self) -> dict[str, float]:
        """Return the metrics of the validation rows and of prior samples."""
        return self.validation()

    def evaluate_on(self, rows: Rows) -> dict[str, float]:
        """Return the metrics of any rows, once."""
        return self.validation_of(rows, graphed=False)()

    def validation_of(self, rows: Rows, *, graphed: bool | None = None) -> Validation:
        """Return the validation of any rows (n,) of the data set; see `Validation` on graphs."""
        batch_size = _GPU_EVALUATION_BATCH if self.graphed else _CPU_EVALUATION_BATCH
        batches = evaluation_batches(self.rows(rows), self.lengths, batch_size, self.step_grid)
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
            graphed=self.graphed if graphed is None else graphed,
        )

    def rebuilt_from(self) -> dict[str, Any]:
        """Return the grammar and the sizes."""
        grammar = self.dataset.grammar
        return {
            "grammar": None if grammar is None else grammar.to_mapping(),
            # Without a grammar: what one that is given later must fit.
            "left_sides": None if grammar is not None else self.dataset.left_sides.tolist(),
            "num_productions": self.dataset.num_productions,
            "num_steps": int(self.dataset.ids.shape[1]),
        }

    def _beta(self, epoch: int) -> float:
        return beta_at(
            epoch,
            beta=self.config.beta,
            anneal_epochs=self.config.kl_anneal_epochs,
            cycle_epochs=self.config.cycle_epochs if self.config.cyclical_beta else None,
        )


def _select(ids: Tensor, beta: Tensor, rows: Tensor, num_steps: int) -> tuple[Tensor, Tensor]:
    """Return rows and the weight of the KL term."""
    # The data set is kept as int16; indices have to be int64.
    return ids[rows, :num_steps].long(), beta


def _around(device: torch.device, config: GrammarVaeConfig) -> AbstractContextManager[object]:
    """Give a batch that is worked on as a whole one thread, where operations are too small."""
    narrow = config.batch_size < 2 * least_rows(config.decoder_hidden)
    return torch_threads(1) if device.type == "cpu" and narrow else nullcontext()
