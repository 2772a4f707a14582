"""The rules of programs as tensors, by (context, production)."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.programs.language.contexts import Context, context_steps, contexts
from models.programs.language.kinds import NUM_SLOTS, TYPES, Kind, language
from models.programs.language.scopes import (
    FACTS,
    READABLE_LIST,
    READABLE_STR,
    READABLE_TEXTS,
    is_visible_in,
    needed_facts,
)

SYMBOL_BITS = 8
"""Of a stack entry; above them lie the visible slots, then the frozen ones.

There are fewer than 256 contexts, and with the marks of NEW_SHIFT an entry takes 42 bits of its 64.
"""

VISIBLE_SHIFT = SYMBOL_BITS
FROZEN_SHIFT = SYMBOL_BITS + NUM_SLOTS
NEW_SHIFT = SYMBOL_BITS + 2 * NUM_SLOTS
"""In `pushed`: marks the entries that see the slots that the production defines, a bit for each."""

SYMBOL_MASK = (1 << SYMBOL_BITS) - 1
SLOTS_MASK = (1 << NUM_SLOTS) - 1

FINISHED = 0
"""Symbol at the bottom of every stack; taking any production there changes nothing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MachineTables:
    """Tables over C contexts, the finished one first, and P productions; R are pushed at most.

    Args:
        net_steps: int64 (C * P,), by how much a production changes the fewest steps that the rest
            of a program takes.
        in_budget: bool (C * levels, P), whether that is at most so many spare steps as the level,
            and the production may stand in the context at all; level 0 is -1 spare steps, the
            last level is as many as matter.
        needs: int32 (P,), bits of the facts that a production needs.
        fixed_facts: int64 (C,), bits of the facts that hold in a context.
        pushed: int64 (C * P, R), stack entries to push, without slots, the left-most last.
        depth_change: int64 (C * P,).
        defines: int64 (C * P, types), 1 at the type of the slot that the production defines; of
            two slots 2 at the type of the second one, 3 where they share it.
        defines_parameter: int64 (C * P,), 1 where that slot is a parameter.
        returns: int64 (C * P,), index of the type that a signature declares, else 0.
        slot_bits: int64 (P,), 1 << slot where a production stands for one, else 0.
        slot_types: int64 (C,), index of the type of the slots that may stand there.
        changes: int64 (C,), all bits where such a slot must not be frozen, else 0.
        freezes: int64 (C,), all bits where such a slot is frozen in the next body, else 0.
        bounds: int64 (C,), all bits where a loop's own counter must not stand, else 0.
        is_block: bool (C,), whether statements stand there.
        start: the first symbol.
        min_length: steps of the shortest program.
    """

    net_steps: Tensor
    in_budget: Tensor
    needs: Tensor
    fixed_facts: Tensor
    pushed: Tensor
    depth_change: Tensor
    defines: Tensor
    defines_parameter: Tensor
    returns: Tensor
    slot_bits: Tensor
    slot_types: Tensor
    changes: Tensor
    freezes: Tensor
    bounds: Tensor
    is_block: Tensor
    start: int
    min_length: int

    @property
    def num_productions(self) -> int:
        """Number of productions P."""
        return len(self.needs)

    @property
    def num_levels(self) -> int:
        """Number of levels of spare steps."""
        return len(self.in_budget) // len(self.is_block)

    def to(self, device: torch.device | str) -> "MachineTables":
        """Copy the tables to a device."""
        tensors = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)}
        return replace(self, **tensors)


@lru_cache(maxsize=1)
def machine_tables() -> MachineTables:
    """Build the tables, on the CPU, once."""
    with torch.device("cpu"):  # sizes are counted on `meta`, where tables would stay empty for good
        return _build_tables()


def _build_tables() -> MachineTables:
    every = contexts()
    kinds = language().kinds
    symbols = {context.name: index + 1 for index, context in enumerate(every)}
    width = max(len(children) for context in every for children in context.children.values())
    shape = (len(every) + 1, len(kinds))
    arrays = _Arrays(
        net_steps=np.zeros(shape, dtype=np.int64),
        legal=np.zeros(shape, dtype=np.bool_),
        pushed=np.zeros((*shape, width), dtype=np.int64),
        depth_change=np.zeros(shape, dtype=np.int64),
        defines=np.zeros((*shape, len(TYPES)), dtype=np.int64),
        defines_parameter=np.zeros(shape, dtype=np.int64),
        returns=np.zeros(shape, dtype=np.int64),
    )
    for context in every:
        for index, children in context.children.items():
            _fill(arrays, symbols, context, kinds[index], children)
    readable = sum(map(fact_bit, (READABLE_LIST, READABLE_STR, READABLE_TEXTS)))
    needs = [sum(map(fact_bit, needed_facts(kind))) for kind in kinds]
    return MachineTables(
        in_budget=torch.from_numpy(_in_budget(arrays)),
        needs=torch.tensor(needs).to(torch.int32),
        fixed_facts=torch.tensor(
            [
                0,
                *(
                    readable * (item.nonterminal == "INT" and item.name != "BOUND")
                    for item in every
                ),
            ]
        ),
        **arrays.pairs(),
        slot_bits=torch.tensor([0 if kind.slot is None else 1 << kind.slot for kind in kinds]),
        slot_types=torch.tensor([0, *(TYPES.index(item.slot_type or "int") for item in every)]),
        changes=torch.tensor([0, *(-int(item.changes) for item in every)]),
        freezes=torch.tensor([0, *(-int(item.freezes) for item in every)]),
        bounds=torch.tensor([0, *(-int(item.name == "BOUND") for item in every)]),
        is_block=torch.tensor([False, *(item.nonterminal == "BLOCK" for item in every)]),
        start=symbols["PROGRAM"],
        min_length=context_steps()["PROGRAM"],
    )


def fact_bit(fact: str) -> int:
    """Return the bit that stands for a fact."""
    return 1 << FACTS.index(fact)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Arrays:
    """The tables that are filled pair by pair, see MachineTables."""

    net_steps: NDArray[np.int64]
    legal: NDArray[np.bool_]
    pushed: NDArray[np.int64]
    depth_change: NDArray[np.int64]
    defines: NDArray[np.int64]
    defines_parameter: NDArray[np.int64]
    returns: NDArray[np.int64]

    def pairs(self) -> dict[str, Any]:
        """Return what the machine looks up by pair, with contexts and productions in one axis."""
        arrays = {name: array for name, array in vars(self).items() if name != "legal"}
        return {
            name: torch.from_numpy(array.reshape(-1, *array.shape[2:]))
            for name, array in arrays.items()
        }


def _in_budget(arrays: _Arrays) -> NDArray[np.bool_]:
    """Return bool (C * levels, P), see MachineTables."""
    spare = np.arange(-1, arrays.net_steps.max() + 1)[:, None]
    allowed = arrays.legal[:, None] & (arrays.net_steps[:, None] <= spare)
    return allowed.reshape(-1, allowed.shape[2])


def _fill(
    arrays: _Arrays,
    symbols: dict[str, int],
    context: Context,
    kind: Kind,
    children: tuple[str, ...],
) -> None:
    """Enter one production in one context."""
    pair = symbols[context.name], kind.id
    steps = context_steps()
    arrays.net_steps[pair] = sum(steps[name] for name in children) - steps[context.name]
    arrays.legal[pair] = True
    arrays.depth_change[pair] = len(children) - 1
    for place, name in enumerate(reversed(children)):
        new = (1 << len(kind.defined)) - 1
        sees_new = new if is_visible_in(kind, len(children) - 1 - place) else 0
        arrays.pushed[(*pair, place)] = symbols[name] | sees_new << NEW_SHIFT
    for number, new_type in enumerate(kind.defined):
        arrays.defines[(*pair, TYPES.index(new_type))] += 1 << number
    arrays.defines_parameter[pair] = kind.lhs == "PARAM"
    if kind.lhs == "PROGRAM":
        assert kind.type is not None  # of a signature
        arrays.returns[pair] = TYPES.index(kind.type)
