"""Validation of the same rows after every epoch: eagerly, or as one replay of a CUDA graph."""

import logging
from collections.abc import Sequence, Set
from dataclasses import replace

import torch
from torch import Tensor

from models.grammar.decoding import steps_allowed
from models.grammar_vae.evaluation import (
    EvaluationSettings,
    decode_prior,
    evaluation_noise,
    prior_latents,
    prior_metrics,
    row_columns,
    summarise,
)
from models.grammar_vae.network.network import GrammarVae
from models.grammar_vae.packed import Packed
from models.optimization.batches import Batch
from models.optimization.graphs import GraphCache

logger = logging.getLogger(__name__)

_FLAGS_AT_ONCE = 1 << 27


class Validation:
    """The metrics of fixed rows and of samples from the prior.

    Args:
        network: the network in training.
        ids: (rows, time) of the whole data set on the device.
        batches: the rows to validate.
        known_rows: training rows, as `row_keys` gives them.
        settings: grammar, loss and precision.
        graphed: capture the work in a CUDA graph.
    """

    def __init__(
        self,
        network: GrammarVae,
        ids: Tensor,
        batches: Sequence[Batch],
        *,
        known_rows: Set[bytes],
        settings: EvaluationSettings,
        graphed: bool,
    ) -> None:
        device = ids.device
        self.network = network
        self.ids = ids
        self.batches = [replace(batch, rows=batch.rows.to(device)) for batch in batches]
        self.known_rows = known_rows
        self.settings = settings
        self.noise = evaluation_noise(batches, network.z_dim, device)
        self.latents = prior_latents(network.z_dim, device)
        self.graphs = GraphCache(lambda: lambda: None) if graphed else None
        self.allowed: list[Packed] | None = None
        self.columns: Tensor | None = None
        self.means: Tensor | None = None
        self.samples: Tensor | None = None

    def __call__(self) -> dict[str, float]:
        """Return the metrics; leaves every random state as it was."""
        if self.settings.rules.machine is not None and self.allowed is None:
            self.allowed = self._walked()
        if self.graphs is None:
            self._compute()
        else:
            self.graphs.run("validation", self._compute)
            self.graphs.give_back()
        assert self.columns is not None
        assert self.means is not None
        metrics = summarise(self.columns, self.means)
        if self.samples is not None:
            metrics |= prior_metrics(self.samples, self.known_rows)
        return metrics

    def _walked(self) -> list[Packed]:
        """Return what rules beyond the grammar allow along the rows, which takes long, once."""
        packed, num_forbidden = [], 0
        for group in self._groups():
            sizes = [len(batch.rows) for batch in group]
            rows = self.ids[torch.cat([batch.rows for batch in group])].long()
            rows = rows[:, : max(batch.num_steps for batch in group)]
            allowed = self.settings.rules.allowed(rows)
            num_forbidden += int((~steps_allowed(rows, allowed).all(1)).sum())
            parts = zip(group, allowed.split(sizes), strict=True)
            packed += [Packed.of(part[:, : batch.num_steps]) for batch, part in parts]
        if num_forbidden:
            logger.warning(
                "%d of %d validation rows are forbidden by the rules that decoding keeps to, so "
                "they never come back: build_dataset names such rows",
                num_forbidden,
                sum(len(batch.rows) for batch in self.batches),
            )
        return packed

    def _groups(self) -> list[list[Batch]]:
        """Return batches to walk along at once: on a GPU many rows take as long as few."""
        if self.ids.device.type == "cpu":
            return [[batch] for batch in self.batches]
        rules = self.settings.rules
        most = _FLAGS_AT_ONCE // (rules.num_steps * len(rules.competitors))
        groups: list[list[Batch]] = []
        num_rows = most
        for batch in self.batches:
            if num_rows + len(batch.rows) > most:
                groups.append([])
                num_rows = 0
            groups[-1].append(batch)
            num_rows += len(batch.rows)
        return groups

    def _compute(self) -> None:
        """Compute into tensors that stay: a graph's outputs keep their addresses."""
        self.columns, self.means = row_columns(
            self.network,
            self.ids,
            self.batches,
            self.noise,
            self.settings,
            allowed=self.allowed,
        )
        if self.settings.rules.tables is not None:
            self.samples = decode_prior(
                self.network, self.settings.rules, self.latents, autocast=self.settings.autocast
            )
