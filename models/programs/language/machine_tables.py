"""The rules of programs as tensors, by (context, production).

All that a step looks up stands in rows, so that it takes one gather: another type or kind makes
rows longer, and adds no operation.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.programs.language.contexts import Context, context_steps, contexts
from models.programs.language.kinds import MAX_PARAMETERS, NUM_SLOTS, TYPES, Kind, language
from models.programs.language.scopes import (
    DEFINABLE,
    FACTS,
    PARAMETER,
    READABLE,
    TWO_DEFINABLE,
    is_visible_in,
    needed_facts,
)

SYMBOL_BITS = 8
"""Of a stack entry; above them lie the visible slots, then the frozen ones.

There are fewer than 256 contexts, and an entry takes 40 bits of its 64.
"""

VISIBLE_SHIFT = SYMBOL_BITS
FROZEN_SHIFT = SYMBOL_BITS + NUM_SLOTS

SYMBOL_MASK = (1 << SYMBOL_BITS) - 1
SLOTS_MASK = (1 << NUM_SLOTS) - 1

FINISHED = 0
"""Symbol at the bottom of every stack; taking any production there changes nothing."""

COUNTS = ("place", "step", "length", "num_slots", "num_nodes")
"""Columns of `MachineState.counts`, to which a production adds."""

PARAMETERS, HELD, HELD_TOO, RETURNS, FIRST_TYPE = range(5)
"""Columns of `MachineState.bits`, in which a production sets bits."""

READ, CHANGED, BOUND = range(3)
"""How a place may use slots: those visible, but for frozen ones, but for those held."""

_NEVER = 1 << 62
"""Fact that holds nowhere."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MachineTables:
    """Tables over C contexts, the finished one first, and P productions; R are pushed at most.

    Args:
        productions: int64 (C, W), what may stand in each context, ascending; behind it P.
        needs: int64 (C, W), bits of the facts that each of them needs, spare steps among them.
        spare_facts: int64 (levels,), bits that hold at so many spare steps; the first level is -1
            of them, the last one is as many as matter.
        slots_facts: int64 (slots + 1,), bits that hold when so many slots are defined.
        set_facts: int64 (3 * types,), bits that hold where slots of a type may be read, changed or
            be a bound.
        place: int64 (C, 2), index into those 3 * types of the slots that may stand in a context,
            and bits of the facts that hold there.
        effect: int32 (C * P,), row of `effects` of each production in each context.
        effects: int64 (rows, width), what a production does: a number for each of COUNTS, -1 or
            where statements stand 0, R stack entries without slots, the left-most last, the slots
            that each of them sees anew, and bits; slots count from the first new one.
        moves: int64 (width,), 1 where they do, else 0.
        min_length: steps of the shortest program.
        start: the first symbol.
    """

    productions: Tensor
    needs: Tensor
    spare_facts: Tensor
    slots_facts: Tensor
    set_facts: Tensor
    place: Tensor
    effect: Tensor
    effects: Tensor
    moves: Tensor
    min_length: int
    start: int

    @property
    def num_contexts(self) -> int:
        """Number of contexts C."""
        return len(self.productions)

    @property
    def num_productions(self) -> int:
        """Number of productions P."""
        return len(self.effect) // self.num_contexts

    @property
    def effect_parts(self) -> tuple[int, ...]:
        """Widths of the parts of a row of `effects`."""
        num_bits = FIRST_TYPE + len(TYPES)
        num_pushed = (self.effects.shape[1] - len(COUNTS) - 1 - num_bits) // 2
        return len(COUNTS), 1, num_pushed, num_pushed, num_bits

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
    every, kinds, steps = contexts(), language().kinds, context_steps()
    symbols = {context.name: index + 1 for index, context in enumerate(every)}
    num_pushed = max(len(children) for context in every for children in context.children.values())
    shape = len(every) + 1, max(len(context.children) for context in every)
    productions, needs = np.full(shape, len(kinds)), np.full(shape, _NEVER)
    productions[FINISHED, 0] = 0  # complete rows take what is there
    effect = np.zeros((len(every) + 1, len(kinds)), dtype=np.int64)
    effects = [np.zeros(_width(num_pushed), dtype=np.int64)]
    longest = 0
    for context in every:
        symbol = symbols[context.name]
        for column, index in enumerate(sorted(context.children)):
            children = context.children[index]
            change = sum(steps[name] for name in children) - steps[context.name]
            longest = max(longest, change)
            productions[symbol, column] = index
            needs[symbol, column] = _bits(needed_facts(kinds[index])) | _spare_fact(change)
            effect[symbol, index] = len(effects)
            pushed = [symbols[name] for name in reversed(children)]
            effects.append(_effect(context, kinds[index], pushed, num_pushed, change))
    # Most productions do what others do, so that a few hundred rows are left of thousands.
    distinct, number = np.unique(np.stack(effects), axis=0, return_inverse=True)
    return MachineTables(
        productions=torch.from_numpy(productions),
        needs=torch.from_numpy(needs),
        spare_facts=torch.tensor([_spare_facts(spare) for spare in range(-1, longest + 1)]),
        slots_facts=torch.tensor([_slots_facts(num_slots) for num_slots in range(NUM_SLOTS + 1)]),
        set_facts=torch.tensor(
            [
                *(_bits([READABLE[name]] if name in READABLE else []) for name in TYPES),
                *(fact_bit(f"{name} can be changed") for name in TYPES),
                *(0 for _ in TYPES),
            ]
        ),
        place=torch.tensor([(0, 0), *map(_place, every)]),
        effect=torch.from_numpy(number.reshape(-1)[effect.reshape(-1)].astype(np.int32)),
        effects=torch.from_numpy(distinct),
        moves=torch.from_numpy(_moves(num_pushed)),
        min_length=steps["PROGRAM"],
        start=symbols["PROGRAM"],
    )


def fact_bit(fact: str) -> int:
    """Return the bit that stands for a fact."""
    return 1 << FACTS.index(fact)


def _bits(facts: Iterable[str]) -> int:
    return sum(map(fact_bit, facts))


def _spare_fact(change: int) -> int:
    """Return the bit that holds where a program may become so many steps longer."""
    return 1 << (len(FACTS) + change) if change >= 0 else 0


def _spare_facts(spare: int) -> int:
    return sum(_spare_fact(change) for change in range(spare + 1))


def _slots_facts(num_slots: int) -> int:
    """Return the bits that hold when so many slots are defined."""
    least = {DEFINABLE: NUM_SLOTS, TWO_DEFINABLE: NUM_SLOTS - 1, PARAMETER: MAX_PARAMETERS - 1}
    return _bits(fact for fact, below in least.items() if num_slots < below)


def _place(context: Context) -> tuple[int, int]:
    """Return a row of `place`."""
    use = CHANGED if context.changes else BOUND if context.name == "BOUND" else READ
    # The length of anything will do where it is no bound.
    holds = context.nonterminal == "INT" and context.name != "BOUND"
    slots = use * len(TYPES) + TYPES.index(context.slot_type or "int")
    return slots, _bits(READABLE.values()) if holds else 0


def _width(num_pushed: int) -> int:
    return len(COUNTS) + 1 + 2 * num_pushed + FIRST_TYPE + len(TYPES)


def _effect(
    context: Context, kind: Kind, pushed: list[int], num_pushed: int, change: int
) -> NDArray[np.int64]:
    """Return a row of `effects`: what a production does in a context.

    Args:
        context: where it stands.
        kind: what it stands for.
        pushed: symbols, the left-most last.
        num_pushed: symbols that any production pushes at most.
        change: steps by which the shortest program that is left gets longer.
    """
    counts = {
        "place": len(pushed) - 1,
        "step": 1,
        "length": change + 1,
        "num_slots": len(kind.defined),
        "num_nodes": int(kind.makes_node),
    }
    symbols, sees_new = [0] * num_pushed, [0] * num_pushed
    new = (1 << len(kind.defined)) - 1
    for place, symbol in enumerate(pushed):
        symbols[place] = symbol
        if is_visible_in(kind, len(pushed) - 1 - place):
            sees_new[place] = new << VISIBLE_SHIFT
    bits = [0] * (FIRST_TYPE + len(TYPES))
    bits[PARAMETERS] = new if kind.lhs == "PARAM" else 0
    if context.freezes and kind.slot is not None:
        bits[HELD] = bits[HELD_TOO] = 1 << kind.slot
    if kind.lhs == "PROGRAM":
        bits[RETURNS] = fact_bit(f"returns {kind.type}")
    for number, new_type in enumerate(kind.defined):
        bits[FIRST_TYPE + TYPES.index(new_type)] += 1 << number
    keeps = 0 if context.nonterminal == "BLOCK" else -1
    return np.array([*(counts[name] for name in COUNTS), keeps, *symbols, *sees_new, *bits])


def _moves(num_pushed: int) -> NDArray[np.int64]:
    moved = [True] * (FIRST_TYPE + len(TYPES))
    moved[HELD] = moved[HELD_TOO] = moved[RETURNS] = False
    fixed = len(COUNTS) + 1 + num_pushed
    return np.array([*[False] * fixed, *[True] * num_pushed, *moved]).astype(np.int64)
