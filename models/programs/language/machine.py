"""The constraints of programs as a machine of tensors: what may follow, for a batch at once.

Whatever is chosen among what `allowed` offers, step by step, ends within the budget in a program
that compiles, type-checks, reads no undefined name, returns on every path and terminates. All
shapes are fixed and nothing asks the device for a value, so a CUDA graph can capture a step.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from models.errors import UserError
from models.programs.language.kinds import NUM_SLOTS, TYPES
from models.programs.language.machine_tables import (
    COUNTS,
    FINISHED,
    FIRST_TYPE,
    FROZEN_SHIFT,
    HELD,
    HELD_TOO,
    PARAMETERS,
    RETURNS,
    SLOTS_MASK,
    SYMBOL_MASK,
    VISIBLE_SHIFT,
    machine_tables,
)

MAX_STEPS = 4096
"""Longest budget."""

_PLACE, _STEP, _LENGTH, _NUM_SLOTS, _NUM_NODES = map(COUNTS.index, COUNTS)
_SCOPE = slice(PARAMETERS, HELD_TOO + 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class MachineState:
    """Where each row of a batch stands.

    Args:
        stack: int64 (batch, places), open contexts with the slots visible and frozen there;
            `advance` writes into it.
        top: int64 (batch,), the entry on top of it.
        counts: int64 (batch, counts): place of that entry, 0 when the row is complete; steps
            taken; fewest steps of the whole program; slots defined and nodes made so far.
        bits: int64 (batch, columns): the parameters' slots; the slots to freeze in the next body,
            twice; the fact that tells what the program returns; the slots of each type.
    """

    stack: Tensor
    top: Tensor
    counts: Tensor
    bits: Tensor

    @property
    def done(self) -> Tensor:
        """Bool (batch,): which rows are complete."""
        return self.counts[:, _PLACE] <= 0

    @property
    def step(self) -> Tensor:
        """Int64 (batch,): steps taken."""
        return self.counts[:, _STEP]

    @property
    def needed(self) -> Tensor:
        """Int64 (batch,): fewest steps that complete the row."""
        return self.counts[:, _LENGTH] - self.step

    @property
    def num_slots(self) -> Tensor:
        """Int64 (batch,): slots defined so far."""
        return self.counts[:, _NUM_SLOTS]

    @property
    def num_nodes(self) -> Tensor:
        """Int64 (batch,): nodes made so far."""
        return self.counts[:, _NUM_NODES]

    def select(self, rows: Tensor) -> "MachineState":
        """Return the state of some rows, in that order; rows may repeat.

        Args:
            rows: int64 (new batch,).
        """
        return MachineState(**{k: value.index_select(0, rows) for k, value in vars(self).items()})


@dataclass(frozen=True, kw_only=True, eq=False)
class Contexts:
    """All that decides what is allowed, at any number of steps; the budget is not in it.

    Args:
        symbol: integers (...), context that is open; 0 where nothing is.
        facts: int64 (...), bits of the facts that hold.
        length: integers (...), fewest steps of a whole program that begins like this.
    """

    symbol: Tensor
    facts: Tensor
    length: Tensor

    def map(self, function: Callable[[Tensor], Tensor]) -> "Contexts":
        """Apply a function of tensors, such as a selection or a move, to every field."""
        return Contexts(**{item.name: function(getattr(self, item.name)) for item in fields(self)})


class ConstraintMachine:
    """The rules of programs on a device, for derivations of up to `max_steps` steps.

    Attributes:
        productions: int64 (contexts, W), what may stand in each context, ascending; behind it the
            number of productions.

    Raises:
        UserError: a budget below the shortest program or above MAX_STEPS.
    """

    def __init__(self, device: torch.device | str, max_steps: int) -> None:
        tables = machine_tables()
        if not tables.min_length <= max_steps <= MAX_STEPS:
            raise UserError(
                f"max_steps is {max_steps}: the shortest program takes {tables.min_length} "
                f"steps and {MAX_STEPS} are the most: choose a number between"
            )
        self.device = torch.device(device)
        self.max_steps = max_steps
        self.num_productions = tables.num_productions
        self.min_length = tables.min_length
        self._tables = tables.to(self.device)
        self.productions = self._tables.productions
        self._parts = tables.effect_parts
        self._places = torch.arange(self._parts[2], device=self.device)
        # Each open context needs a step of its own, so no more are ever open at once.
        self._num_places = max_steps + len(self._places) + 1
        # Of an entry: the slots that are visible, those that are not frozen, and all.
        of_entry = [(VISIBLE_SHIFT, SLOTS_MASK, 0), (FROZEN_SHIFT, SLOTS_MASK, -1), (0, 0, -1)]
        self._shifts, self._masks, self._flips = torch.tensor(of_entry, device=self.device).unbind(
            1
        )

    def start(self, batch: int) -> MachineState:
        """Return the state before the first step."""
        zeros = torch.zeros(batch, dtype=torch.int64, device=self.device)
        stack = zeros.new_zeros((batch, self._num_places))
        stack[:, 0] = FINISHED
        stack[:, 1] = self._tables.start
        counts = zeros.new_zeros((batch, len(COUNTS)))
        counts[:, _PLACE] = 1
        counts[:, _LENGTH] = self.min_length
        return MachineState(
            stack=stack,
            top=zeros + self._tables.start,
            counts=counts,
            bits=zeros.new_zeros((batch, FIRST_TYPE + len(TYPES))),
        )

    def allowed(self, state: MachineState) -> Tensor:
        """Return bool (batch, productions): what may follow; nothing in complete rows."""
        return self.allowed_in(self.contexts(state))

    def advance(self, state: MachineState, ids: Tensor) -> MachineState:
        """Take one production in each row.

        Args:
            state: before the step; not to be used any more, as its stack is written into.
            ids: int64 (batch,), allowed in `state`; ignored in complete rows.

        Returns:
            The state after the step; complete rows stay as they are.
        """
        tables = self._tables
        symbol = state.top & SYMBOL_MASK
        # -1 pads rows that are complete, where any id changes nothing.
        pair = torch.add(ids.clamp(min=0), symbol, alpha=self.num_productions)
        effect = tables.effects.index_select(0, tables.effect.index_select(0, pair))
        effect = effect << state.counts[:, _NUM_SLOTS, None] * tables.moves
        counts, keeps, symbols, sees_new, bits = effect.split(self._parts, dim=1)
        # Whatever a statement held back is frozen from the body's first statement on.
        scope = (state.top ^ symbol) | (state.bits[:, HELD] << FROZEN_SHIFT)
        entries = symbols | sees_new | scope[:, None]
        stack = state.stack.scatter_(1, self._place(state.counts) + self._places, entries)
        counts = state.counts + counts
        bits = state.bits | bits
        bits[:, HELD : HELD_TOO + 1].bitwise_and_(keeps)
        top = stack.gather(1, self._place(counts)).squeeze(1)
        return MachineState(stack=stack, top=top, counts=counts, bits=bits)

    def contexts(self, state: MachineState) -> Contexts:
        """Return what decides what is allowed in a state, (batch,)."""
        tables = self._tables
        symbol = state.top & SYMBOL_MASK
        scope = (state.top[:, None] >> self._shifts) & self._masks
        scope = (scope | state.bits[:, _SCOPE]) ^ self._flips
        usable = scope & scope[:, :1]  # (batch, 3), see `machine_tables.READ`
        of_type = (usable[:, :, None] & state.bits[:, None, FIRST_TYPE:]).flatten(1)
        place = tables.place.index_select(0, symbol)
        facts = (
            of_type.gather(1, place[:, :1]).squeeze(1)
            | place[:, 1]
            | state.bits[:, RETURNS]
            | tables.slots_facts.index_select(0, state.num_slots.clamp(max=NUM_SLOTS))
            | ((of_type != 0) * tables.set_facts).sum(dim=1)
        )
        return Contexts(symbol=symbol, facts=facts, length=state.counts[:, _LENGTH])

    def candidates(self, contexts: Contexts) -> Tensor:
        """Return bool (batch, W): what of `productions` may follow in contexts (batch,)."""
        tables = self._tables
        # One more than the spare steps, of which there are -1 or more.
        level = (self.max_steps - contexts.length).clamp(0, len(tables.spare_facts) - 1)
        facts = contexts.facts | tables.spare_facts.index_select(0, level)
        needs = tables.needs.index_select(0, contexts.symbol)
        return (needs & ~facts[:, None]) == 0

    def allowed_in(self, contexts: Contexts) -> Tensor:
        """Return bool (..., productions): what may follow in contexts of shape (...)."""
        shape = contexts.symbol.shape
        flat = contexts.map(lambda field: field.flatten().long())
        allowed = self.candidates(flat)
        spread = allowed.new_zeros((len(allowed), self.num_productions + 1))
        productions = self.productions.index_select(0, flat.symbol)
        return spread.scatter_(1, productions, allowed)[:, :-1].view(*shape, -1)

    def contexts_along(self, ids: Tensor) -> Contexts:
        """Return the contexts of given programs, for teacher forcing.

        Args:
            ids: (batch, time), complete legal derivations padded with -1.

        Returns:
            Contexts of shape (batch, time); nothing is allowed at pad steps.

        Raises:
            UserError: more steps than the budget.
        """
        if ids.shape[1] > self.max_steps:
            raise UserError(
                f"derivations of up to {ids.shape[1]} steps do not fit into max_steps "
                f"({self.max_steps}): allow at least {ids.shape[1]}"
            )
        ids = ids.long()
        state = self.start(len(ids))
        steps: list[Contexts] = []
        for step in range(ids.shape[1]):
            steps.append(self.contexts(state))
            state = self.advance(state, ids[:, step])
        return Contexts(
            **{
                item.name: torch.stack([getattr(step, item.name) for step in steps], dim=1)
                for item in fields(Contexts)
            }
        )

    def _place(self, counts: Tensor) -> Tensor:
        """Return int64 (batch, 1), where the top of the stack is.

        The bound matters for illegal ids only, which must not write outside of it.
        """
        return counts[:, _PLACE, None].clamp(max=self.max_steps)
