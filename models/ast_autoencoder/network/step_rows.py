"""What is known at the steps of some programs."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.ast_autoencoder.network.chunks import put
from models.ast_autoencoder.network.columns import columns
from models.programs.language.graph_tables import graph_tables
from models.programs.language.kinds import NUM_SLOTS
from models.programs.language.machine import ConstraintMachine
from models.programs.language.machine_tables import machine_tables
from models.programs.language.scopes import FACTS

_SYMBOL_BITS = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class StepWalk:
    """Rules and tables for derivations of up to the machine's steps.

    Args:
        machine: knows what may follow.
        asked: int64 (contexts,), bits of the facts that any production asks for in each.
        of_production: int64 (P, 4): group and column, slots defined and whether it makes a node.
    """

    machine: ConstraintMachine
    asked: Tensor
    of_production: Tensor

    @staticmethod
    def up_to(max_steps: int) -> "StepWalk":
        """Return the rules and tables of the language."""
        tables, head = graph_tables(), columns()
        needs = machine_tables().needs.numpy()
        asked = np.bitwise_or.reduce(needs, axis=1) & (1 << len(FACTS)) - 1
        parts = (head.group, head.column, tables.defines, tables.kind >= 0)
        return StepWalk(
            machine=ConstraintMachine("cpu", max_steps),
            asked=torch.from_numpy(asked),
            of_production=torch.stack([torch.as_tensor(p).long() for p in parts], 1),
        )

    def fill(self, arrays: dict[str, Tensor], rows: Tensor, ids: Tensor) -> Tensor:
        """Write what needs no other program into the arrays of `StepTensors`.

        Args:
            arrays: (N, T) each, `definition` and `lengths`. The numbers of `context` are of this
                chunk alone; `group` is there without a choice, too; `pair` is left out.
            rows: int64 (n,), where in the arrays the programs stand.
            ids: integers (n, steps), complete derivations padded with -1. What stands for all
                steps behind needs two steps of padding, where there are T.

        Returns:
            int64 (states,), what the numbers of `context` stand for, ascending.
        """
        ids = ids.t().long()
        is_real = ids >= 0
        given = ids.clamp(min=0).contiguous()
        group, column, defines, makes_node = self.of_production[given].unbind(-1)
        defines, makes_node = defines * is_real, makes_node * is_real
        symbol, state = self._along(given)
        states, number = torch.unique(state, return_inverse=True)
        for name, values in (
            ("ids", ids),
            ("symbol", symbol),
            ("node", makes_node.cumsum(0) - makes_node),
            ("context", number),
            ("group", torch.where(is_real, group, -1)),
            ("target", column * is_real),
        ):
            put(arrays[name], rows, values.t())
        arrays["lengths"][rows] = is_real.sum(0, dtype=torch.int32)
        arrays["definition"][rows] = _definitions(defines)
        return states

    def _along(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return the contexts of steps (steps, n), and a number for all that decides there."""
        machine = self.machine
        state = machine.start(ids.shape[1])
        symbol, number = torch.empty_like(ids, dtype=torch.uint8), torch.empty_like(ids)
        for step, chosen in enumerate(ids):
            here = machine.contexts(state)
            symbol[step] = here.symbol
            number[step] = here.facts & self.asked.index_select(0, here.symbol)
            state = machine.advance(state, chosen)
        # Few facts are asked for in a context, and all others would only make more states.
        return symbol, symbol.long() << len(FACTS) | number

    def finish(
        self, arrays: dict[str, Tensor], rows: Tensor, alike: Tensor, has_choice: Tensor
    ) -> None:
        """Give contexts the numbers of all chunks, and drop groups without a choice.

        Args:
            arrays: as `fill` left them.
            rows: int64 (n,), of the chunk.
            alike: int64 (states,), numbers among all contexts of those of the chunk.
            has_choice: bool (contexts,).
        """
        context = alike[arrays["context"][rows].long()]
        arrays["context"][rows] = context.to(torch.int32)
        group = arrays["group"][rows]
        arrays["group"][rows] = torch.where(has_choice[context], group, -1)


def follows(ids: Tensor, symbol: Tensor) -> Tensor:
    """Return one number below `num_followed` for the production before each step and the context.

    Args:
        ids: integers (n, T), padded with -1.
        symbol: uint8 (n, T).

    Returns:
        int64 (n, T), that of the first step at padding.
    """
    previous = torch.full(ids.shape, len(graph_tables().kind))
    previous[:, 1:] = ids[:, :-1].clamp(min=0)
    number = previous << _SYMBOL_BITS | symbol
    return torch.where(ids >= 0, number, number[:1, :1])


def num_followed() -> int:
    """Return how many numbers `follows` has."""
    return len(graph_tables().kind) + 1 << _SYMBOL_BITS


def followed(numbers: Tensor) -> Tensor:
    """Return int64 (..., 2), the production and the context of numbers of `follows`."""
    return torch.stack([numbers >> _SYMBOL_BITS, numbers & (1 << _SYMBOL_BITS) - 1], dim=-1)


def _definitions(defines: Tensor) -> Tensor:
    """Return int16 (n, slots), the step that defines each slot, -1 for none.

    Args:
        defines: int64 (steps, n), how many slots each step defines, up to two.
    """
    found = torch.full((defines.shape[1], NUM_SLOTS), -1, dtype=torch.int16)
    before = defines.cumsum(0) - defines
    for more in range(2):
        step, program = (defines > more).nonzero(as_tuple=True)
        found[program, before[step, program] + more] = step.to(torch.int16)
    return found
