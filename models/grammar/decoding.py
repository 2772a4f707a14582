"""Constrained decoding on the device: every decoded sequence is a complete derivation.

At step t only those productions are allowed after which everything open can still be closed in
the T - t - 1 steps that remain. So no sequence runs out of steps, whatever the logits. The loop
has fixed shapes and never asks the device for a value, so a CUDA graph can capture it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from models.errors import UserError
from models.grammar.derivation import PAD_ID
from models.grammar.fused_decoding import MAX_PLACES, decode_rows, places
from models.grammar.machine import Machine
from models.grammar.masks import UNBOUNDED, GrammarTables
from models.layers.cuda_kernels import kernels_run_on


@dataclass(frozen=True, kw_only=True, eq=False)
class DeviceTables:
    """Grammar tables as tensors on a device: S nonterminals, P productions, R pushed at most.

    Args:
        lhs: int64 (P,), nonterminal that each production replaces.
        net_steps: int32 (S, P), by how much a production changes the steps that the open
            nonterminals need at least; UNBOUNDED where it does not replace that nonterminal.
        pushed: int64 (P, R), nonterminals of the right-hand side, the left-most one last, then
            zeros.
        num_pushed: int64 (P,), how many entries of `pushed` count.
        start: index of the start symbol.
        min_length: steps of the shortest complete derivation.
    """

    lhs: Tensor
    net_steps: Tensor
    pushed: Tensor
    num_pushed: Tensor
    start: int
    min_length: int

    @staticmethod
    def build(tables: GrammarTables, device: torch.device | str) -> "DeviceTables":
        """Copy `tables` to `device`."""
        lhs = torch.as_tensor(tables.lhs)
        change = torch.as_tensor(tables.closing_steps - tables.min_steps[tables.lhs])
        mask = torch.as_tensor(tables.mask)
        pushed = torch.zeros(tables.rhs_nonterminals.shape, dtype=torch.int64)
        num_pushed = torch.as_tensor((tables.rhs_nonterminals >= 0).sum(axis=1))
        for row, count, source in zip(
            pushed, num_pushed.tolist(), tables.rhs_nonterminals, strict=True
        ):
            row[:count] = torch.as_tensor(source[:count][::-1].copy())
        return DeviceTables(
            lhs=lhs.to(device),
            net_steps=torch.where(mask, change, UNBOUNDED).to(device, torch.int32),
            pushed=pushed.to(device),
            num_pushed=num_pushed.to(device),
            start=tables.start,
            min_length=tables.min_length,
        )


def constrained_decode(
    logits: Tensor,
    tables: DeviceTables,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
    machine: Machine | None = None,
) -> Tensor:
    """Decode the best, or a sampled, complete derivation for each row of logits.

    Args:
        logits: floating (batch, time, productions), which do not depend on the decoded prefix.
        tables: of the grammar, on the device of the logits.
        temperature: 0 takes the best allowed production at each step; above 0 samples from the
            softmax of `logits / temperature` over the allowed ones.
        generator: of the random numbers, on the device of the logits.
        machine: rules beyond the grammar.

    Returns:
        int64 (batch, time): production ids, -1 behind the end of a derivation. With a machine that
        needs its spare steps, time is longer by so many.

    Raises:
        UserError: fewer steps than the shortest derivation takes, or a temperature below 0.
    """
    num_given = _checked_steps(logits, tables)
    scores = _scores(logits, temperature, generator)
    if machine is None and _kernel_applies(scores, tables):
        return decode_rows(
            scores.float(),
            tables.net_steps,
            tables.pushed,
            tables.num_pushed,
            start=tables.start,
            min_length=tables.min_length,
        )

    def best(step: int, allowed: Tensor) -> Tensor:
        # In a spare step there is one that is allowed.
        of_step = scores[:, step] if step < num_given else torch.zeros_like(scores[:, 0])
        return best_production(of_step, allowed)

    steps = _steps(best, (len(scores), num_given), tables, machine)
    return torch.stack(list(steps), dim=1)


def legal_along(ids: Tensor, tables: DeviceTables, num_steps: int, machine: Machine) -> Tensor:
    """Return what free-running decoding with a machine would allow along given derivations.

    It is to decoding with a machine what `allowed_productions` is to decoding without one, but
    takes a loop. A row that takes a step which is not allowed is right nowhere behind it.

    Args:
        ids: (batch, time), complete derivations padded with -1.
        tables: of the grammar, on the device of the ids.
        num_steps: the budget of the decoding, without the machine's spare steps.
        machine: rules beyond the grammar.

    Returns:
        bool (batch, time, productions); none at pad steps.
    """
    seen: list[Tensor] = []
    follows = ids[:, 0] >= 0

    def given(step: int, allowed: Tensor) -> Tensor:
        nonlocal follows
        production = ids[:, step].long()
        seen.append(allowed & (follows & (production >= 0))[:, None])
        production = production.clamp(min=0)
        follows = follows & allowed.gather(1, production[:, None]).squeeze(1)
        # A row that has left its path goes on along another that is allowed.
        return torch.where(follows, production, allowed.long().argmax(1))

    steps = _steps(given, (len(ids), num_steps), tables, machine)
    for _ in islice(steps, ids.shape[1]):
        pass
    return torch.stack(seen, dim=1)


def steps_allowed(ids: Tensor, allowed: Tensor) -> Tensor:
    """Return which steps of ids (batch, time) are allowed; pad steps are, bool (batch, time).

    Args:
        ids: derivations padded with -1.
        allowed: bool (batch, time, productions).
    """
    return allowed.gather(2, ids.clamp(min=0)[..., None]).squeeze(2) | (ids < 0)


def best_production(logits: Tensor, allowed: Tensor) -> Tensor:
    """Return the allowed production with the highest logit, the first one of equals.

    NaN and -inf rank below every finite logit but still above what is not allowed, so the result
    is allowed wherever anything is.

    Args:
        logits: floating (..., productions).
        allowed: bool (..., productions).

    Returns:
        int64 (...).
    """
    lowest = torch.finfo(logits.dtype).min
    finite = torch.nan_to_num(logits, nan=lowest, neginf=lowest)
    return torch.where(allowed, finite, -torch.inf).argmax(dim=-1)


def allowed_productions(ids: Tensor, tables: DeviceTables, num_steps: int) -> Tensor:
    """Return what free-running decoding would allow along given derivations, without a loop.

    `constrained_decode(logits)` over `num_steps` steps equals a derivation exactly when
    `best_production(logits, allowed)` equals it at each of its steps: up to the first
    disagreement both see the same stack and the same budget.

    Args:
        ids: (batch, time), complete derivations padded with -1.
        tables: of the grammar, on the device of the ids.
        num_steps: the budget of the decoding.

    Returns:
        bool (batch, time, productions): the left-most open nonterminal's productions after which
        the rest can still close in time; none at pad steps.
    """
    is_step = ids >= 0
    production_ids = ids.long().clamp(min=0)
    nonterminals = tables.lhs[production_ids]
    net_steps = tables.net_steps[nonterminals]  # (batch, time, productions)
    taken = net_steps.gather(2, production_ids[..., None]).squeeze(2) * is_step
    needed = tables.min_length + taken.cumsum(dim=1) - taken  # before each step
    remaining = num_steps - 1 - torch.arange(ids.shape[1], device=ids.device)
    return (net_steps <= (remaining - needed)[..., None]) & is_step[..., None]


def _steps(
    choose: Callable[[int, Tensor], Tensor],
    shape: tuple[int, int],
    tables: DeviceTables,
    machine: Machine | None,
) -> Iterator[Tensor]:
    """Yield the productions (batch,) of one step after another, -1 behind the end of a derivation.

    Args:
        choose: gets a step and what is allowed there, bool (batch, productions); returns (batch,).
        shape: rows, and steps to choose by; a machine may take its spare ones behind them.
        tables: of the grammar.
        machine: rules beyond the grammar.
    """
    (num_rows, num_given), device = shape, tables.lhs.device
    num_steps = num_given + (0 if machine is None else machine.spare_steps)
    state = None if machine is None else machine.start(num_rows)
    width = tables.pushed.shape[1]
    offsets = torch.arange(width, device=device)
    # Each open nonterminal needs a step, so no more than `num_steps` are ever open at once.
    stack = torch.zeros((num_rows, num_steps + width), dtype=torch.int64, device=device)
    stack[:, 0] = tables.start
    depth = torch.ones((num_rows, 1), dtype=torch.int64, device=device)
    needed = torch.full_like(depth, tables.min_length)
    for step in range(num_steps):
        if step >= num_given and not _is_captured(device) and not bool((depth > 0).any()):
            return
        top_place = (depth - 1).clamp(min=0)
        net_steps = tables.net_steps[stack.gather(1, top_place).squeeze(1)]  # (batch, productions)
        left = num_steps - step - 1
        at = None if machine is None else machine.look(state)
        if machine is None:
            allowed = needed + net_steps <= left
        else:
            # Behind the logits there is nothing to choose by: the way to the end is taken.
            budget = left - needed if step < num_given else torch.full_like(needed, -UNBOUNDED)
            allowed = _legal(machine, state, at, net_steps, budget)
        choice = choose(step, allowed)[:, None]
        state = None if machine is None else machine.take(state, at, choice.squeeze(1))
        is_open = depth > 0
        yield torch.where(is_open, choice, PAD_ID).squeeze(1)
        # In a finished row this writes above the empty stack, where nothing reads.
        stack.scatter_(1, top_place + offsets, tables.pushed[choice.squeeze(1)])
        depth = torch.where(is_open, depth - 1 + tables.num_pushed[choice], depth)
        needed = torch.where(is_open, needed + net_steps.gather(1, choice), needed)


def _legal(machine: Machine, state: Any, at: Any, net_steps: Tensor, budget: Tensor) -> Tensor:
    """Return what grammar and machine allow in the budget, and always the way to the end.

    That way fits: the steps that are left have been enough for it so far.

    Args:
        machine: the rules.
        state: where the rows stand.
        at: what the machine sees there.
        net_steps: (batch, productions), as in `DeviceTables`, of the open nonterminals.
        budget: (batch, 1), steps that what closes the row may take more than it needs now.
    """
    ranks = machine.ranks(state, at) * (net_steps < UNBOUNDED)
    allowed = (ranks > 0) & (machine.most_steps(state)[:, None] + net_steps <= budget)
    return allowed.scatter(1, ranks.argmax(1, keepdim=True), True)


def _is_captured(device: torch.device) -> bool:
    """Tell whether a CUDA graph is being captured, which cannot ask for a value."""
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()


def _kernel_applies(scores: Tensor, tables: DeviceTables) -> bool:
    """Tell whether the loop is one kernel: on new GPUs, with numbers that float32 holds."""
    return (
        scores.dtype != torch.float64
        and kernels_run_on(scores.device)
        and places(scores.shape[1], tables.pushed) <= MAX_PLACES
    )


def _checked_steps(logits: Tensor, tables: DeviceTables) -> int:
    num_steps, num_productions = logits.shape[1:]
    if num_productions != len(tables.lhs):
        raise UserError(
            f"logits are for {num_productions} productions, the grammar has {len(tables.lhs)}: "
            "decode with the grammar that the model was trained on"
        )
    if num_steps < tables.min_length:
        raise UserError(
            f"{num_steps} steps are fewer than the {tables.min_length} that the shortest "
            f"derivation of the grammar takes: allow at least {tables.min_length}"
        )
    return num_steps


def _scores(logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    """Return what to maximise over: the logits, or their Gumbel-perturbed softmax samples."""
    if temperature == 0:
        return logits
    if not 0 < temperature < math.inf:
        raise UserError(f"temperature is {temperature}: it must be 0 (best) or above 0 (sampled)")
    scaled = logits.double() if logits.dtype == torch.float64 else logits.float()
    exponential = torch.empty_like(scaled).exponential_(generator=generator)
    return scaled / temperature - exponential.log()
