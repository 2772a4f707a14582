"""What the grammar allows at each step of a derivation, as tensors on the training device."""

import numpy as np
import torch
from torch import Tensor

from models.grammar.decoding import DeviceTables, allowed_productions, legal_along
from models.grammar.machine import Machine
from models.grammar.masks import tables
from models.grammar_vae.data import DerivationDataset
from models.molecules.machine import machine_of


class Rules:
    """The grammar's tables for the loss, the metrics and decoding.

    Without a grammar the table of masks was read off the mask file: the loss and the metrics
    work, decoding to new sequences does not.

    Args:
        left_sides: (productions,) nonterminal each production expands.
        table: (nonterminals, productions) which productions expand a nonterminal.
        num_steps: longest row of the data; decoding must close within it.
        tables: everything decoding needs, or None without a grammar.
        machine: rules that decoding keeps to beyond the grammar. The loss leaves them out.
    """

    def __init__(
        self,
        left_sides: Tensor,
        table: Tensor,
        num_steps: int,
        tables: DeviceTables | None,
        machine: Machine | None = None,
    ) -> None:
        self.competitors = table[left_sides]  # (productions, productions)
        self.num_steps = num_steps
        self.tables = tables
        self.machine = machine

    def competing(self, ids: Tensor) -> Tensor:
        """Return the productions with the left side of each of ids (batch, time).

        (batch, time, productions); steps of padding have those of production 0.
        """
        return self.competitors[ids.clamp(min=0)]

    def allowed(self, ids: Tensor) -> Tensor:
        """Return what free-running decoding would choose from along ids (batch, time).

        (batch, time, productions): competing productions after which all still closes in time.
        With a machine this is a loop of many small operations.
        """
        if self.tables is None:
            return self.competing(ids)
        if self.machine is not None:
            return legal_along(ids, self.tables, self.num_steps, self.machine)
        return allowed_productions(ids, self.tables, self.num_steps)


def build_rules(dataset: DerivationDataset, device: str) -> Rules:
    """Build the rules of a data set from its grammar, or else from its masks."""
    grammar = dataset.grammar
    return Rules(
        torch.as_tensor(np.array(dataset.left_sides), device=device).long(),
        torch.as_tensor(np.array(dataset.table), device=device),
        dataset.ids.shape[1],
        None if grammar is None else DeviceTables.build(tables(grammar), device),
        None if grammar is None else machine_of(grammar, device),
    )
