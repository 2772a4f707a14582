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
from models.programs.language.kinds import MAX_PARAMETERS, NUM_SLOTS, TYPES
from models.programs.language.machine_tables import (
    FINISHED,
    FROZEN_SHIFT,
    NEW_SHIFT,
    SLOTS_MASK,
    SYMBOL_MASK,
    VISIBLE_SHIFT,
    fact_bit,
    machine_tables,
)
from models.programs.language.scopes import (
    DEFINABLE,
    PARAMETER,
    READABLE_LIST,
    READABLE_STR,
    READABLE_TEXTS,
    TWO_DEFINABLE,
)

MAX_STEPS = 4096
"""Longest budget. `Contexts` has steps as int16, so it must stay below 32,768."""

_STR, _LIST, _TEXTS = map(TYPES.index, ("str", "list", "texts"))


@dataclass(frozen=True, kw_only=True, eq=False)
class MachineState:
    """Where each row of a batch stands; never changed in place.

    Args:
        stack: int64 (batch, places), open contexts with the slots visible and frozen there.
        depth: int64 (batch,), entries on the stack; 1 when the row is complete.
        needed: int64 (batch,), fewest steps that complete the row.
        step: int64 (batch,), steps taken.
        typed_slots: int64 (batch, types), bits of the slots of each type.
        num_slots: int64 (batch,), slots defined so far.
        parameters: int64 (batch,), bits of the parameters' slots.
        returns: int64 (batch,), index of the type that the program returns.
        held: int64 (batch,), bits of the slots to freeze in the next body.
    """

    stack: Tensor
    depth: Tensor
    needed: Tensor
    step: Tensor
    typed_slots: Tensor
    num_slots: Tensor
    parameters: Tensor
    returns: Tensor
    held: Tensor

    @property
    def done(self) -> Tensor:
        """Bool (batch,): which rows are complete."""
        return self.depth <= 1

    def select(self, rows: Tensor) -> "MachineState":
        """Return the state of some rows, in that order; rows may repeat.

        Args:
            rows: int64 (new batch,).
        """
        return MachineState(**{name: value[rows] for name, value in vars(self).items()})


@dataclass(frozen=True, kw_only=True, eq=False)
class Contexts:
    """All that decides what is allowed, at any number of steps; the budget is not in it.

    Args:
        symbol: uint8 (...), context that is open; 0 where nothing is.
        facts: int32 (...), bits of the facts that hold.
        needed: int16 (...), fewest steps that complete the program from here.
        step: int16 (...), steps taken before.
    """

    symbol: Tensor
    facts: Tensor
    needed: Tensor
    step: Tensor

    def map(self, function: Callable[[Tensor], Tensor]) -> "Contexts":
        """Apply a function of tensors, such as a selection or a move, to every field."""
        return Contexts(**{item.name: function(getattr(self, item.name)) for item in fields(self)})


class ConstraintMachine:
    """The rules of programs on a device, for derivations of up to `max_steps` steps.

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
        width = tables.pushed.shape[1]
        self._places = torch.arange(width, device=self.device)
        # Each open context needs a step of its own, so no more are ever open at once.
        self._num_places = max_steps + width + 1
        self._type_bits = self._weights([f"{name} can be changed" for name in TYPES])
        self._return_bits = self._weights([f"returns {name}" for name in TYPES])

    def start(self, batch: int) -> MachineState:
        """Return the state before the first step."""
        zeros = torch.zeros(batch, dtype=torch.int64, device=self.device)
        stack = zeros.new_zeros((batch, self._num_places))
        stack[:, 0] = FINISHED
        stack[:, 1] = self._tables.start
        return MachineState(
            stack=stack,
            depth=zeros + 2,
            needed=zeros + self.min_length,
            step=zeros,
            typed_slots=zeros.new_zeros((batch, len(TYPES))),
            num_slots=zeros,
            parameters=zeros,
            returns=zeros,
            held=zeros,
        )

    def allowed(self, state: MachineState) -> Tensor:
        """Return bool (batch, productions): what may follow; nothing in complete rows."""
        return self.allowed_in(self.contexts(state))

    def advance(self, state: MachineState, ids: Tensor) -> MachineState:
        """Take one production in each row.

        Args:
            state: before the step.
            ids: int64 (batch,), allowed in `state`; ignored in complete rows.

        Returns:
            The state after the step; complete rows stay as they are.
        """
        tables = self._tables
        # The bound matters for illegal ids only, which must not write outside the stack.
        top_place = (state.depth[:, None] - 1).clamp(max=self.max_steps)
        top = state.stack.gather(1, top_place).squeeze(1)
        symbol = top & SYMBOL_MASK
        ids = ids.clamp(min=0)  # -1 pads rows that are complete, where any id changes nothing
        pair = symbol * self.num_productions + ids
        # Whatever a statement held back is frozen from the body's first statement on.
        scope = (top & ~SYMBOL_MASK) | (state.held << FROZEN_SHIFT)
        new_bit = torch.ones_like(symbol) << state.num_slots
        entries = tables.pushed[pair]
        sees_new = entries >> NEW_SHIFT
        entries = (entries & SYMBOL_MASK) | scope[:, None]
        entries = entries | sees_new * (new_bit << VISIBLE_SHIFT)[:, None]
        defines = tables.defines[pair]  # (batch, types)
        held = torch.where(tables.is_block[symbol], 0, state.held)
        return MachineState(
            stack=state.stack.scatter(1, top_place + self._places, entries),
            depth=state.depth + tables.depth_change[pair],
            needed=state.needed + tables.net_steps[pair] * ~state.done,
            step=state.step + ~state.done,
            typed_slots=state.typed_slots | defines * new_bit[:, None],
            num_slots=state.num_slots + ((defines.sum(dim=1) + 1) >> 1),  # of two the sum is 3
            parameters=state.parameters | tables.defines_parameter[pair] * new_bit,
            returns=state.returns + tables.returns[pair],
            held=held | (tables.slot_bits[ids] & tables.freezes[symbol]),
        )

    def contexts(self, state: MachineState) -> Contexts:
        """Return what decides what is allowed in a state, (batch,)."""
        tables = self._tables
        top_place = (state.depth[:, None] - 1).clamp(max=self.max_steps)
        top = state.stack.gather(1, top_place).squeeze(1)
        symbol = top & SYMBOL_MASK
        visible = ((top >> VISIBLE_SHIFT) & SLOTS_MASK) | state.parameters
        frozen = ((top >> FROZEN_SHIFT) & SLOTS_MASK) | state.held
        of_type = visible[:, None] & state.typed_slots  # (batch, types)
        fitting = of_type.gather(1, tables.slot_types[symbol][:, None]).squeeze(1)
        fitting = fitting & ~(frozen & tables.changes[symbol])
        # What is held at a bound is the counter: as its own bound it would never be passed.
        fitting = fitting & ~(state.held & tables.bounds[symbol])
        changeable = (of_type & ~frozen[:, None]) != 0
        readable = of_type != 0
        facts = (
            fitting
            | (changeable * self._type_bits).sum(dim=1)
            | self._return_bits[state.returns]
            | tables.fixed_facts[symbol]
            | (state.num_slots < NUM_SLOTS) * fact_bit(DEFINABLE)
            | (state.num_slots < MAX_PARAMETERS - 1) * fact_bit(PARAMETER)
            | readable[:, _LIST] * fact_bit(READABLE_LIST)
            | readable[:, _STR] * fact_bit(READABLE_STR)
            | readable[:, _TEXTS] * fact_bit(READABLE_TEXTS)
            | (state.num_slots < NUM_SLOTS - 1) * fact_bit(TWO_DEFINABLE)
        )
        return Contexts(
            symbol=symbol.to(torch.uint8),
            facts=facts.to(torch.int32),
            needed=state.needed.to(torch.int16),
            step=state.step.to(torch.int16),
        )

    def allowed_in(self, contexts: Contexts) -> Tensor:
        """Return bool (..., productions): what may follow in contexts of shape (...)."""
        rows = self._budget_rows(contexts)
        # index_select is ten times as fast as indexing here.
        in_budget = self._tables.in_budget.index_select(0, rows.flatten())
        facts_hold = (contexts.facts[..., None] & self._tables.needs) == self._tables.needs
        return in_budget.view(*rows.shape, -1) & facts_hold

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

    def _budget_rows(self, contexts: Contexts) -> Tensor:
        """Return int64 (...), the row of the table `in_budget` for each context."""
        num_levels = self._tables.num_levels
        spare = self.max_steps - 1 - contexts.step.long() - contexts.needed
        return contexts.symbol.long() * num_levels + (spare + 1).clamp(0, num_levels - 1)

    def _weights(self, facts: list[str]) -> Tensor:
        return torch.tensor([fact_bit(name) for name in facts], device=self.device)
