"""Whether the models of a search fit: into memory, the machine's or a card's, and its constraints.

What a model says of its memory holds for the device that it trains on. On a card a trial may take
its share and no more (`resources.gpu`), so that it runs out of memory alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.errors import Mistake
from models.training.contracts import ModelCost
from tuner.errors import SearchInvalid
from tuner.estimate.batch_sizes import alike_batches, refuse_alike_batches
from tuner.estimate.cost import corner_costs
from tuner.estimate.disk import check_room
from tuner.search.feasibility import infeasible_mistake, judge_of_space
from tuner.search.machine import Machine, num_side_by_side
from tuner.search.search import Search

_MB_PER_GB = 1000
_CARD_GB = 1.4
"""What a card needs beyond what a model says: CUDA's context and the pools of graphs. Twelve
Grammar-VAEs of 2 to 4 layers took 0.7 to 1.4 GB more on an H100 (tests/benchmarks/LOG.md)."""
_NUM_DRAWS = 100
"""Points whose cost is computed, a few milliseconds each, to find one within the constraints."""


def check_fit(dataset: Any, *, search: Search, machine: Machine | None) -> None:
    """Refuse a search whose models do not fit.

    Args:
        dataset: its data, by which the cost of a model is known.
        search: the search.
        machine: what it runs on; None where that is not known.

    Raises:
        SearchInvalid: its largest model needs more memory than there is, or so many trials as
            run side by side do; it compares by more validation rows than there are; its data
            give no value of an objective; its batch sizes are all as large as the training rows; or
            no point, or not one of a preset to begin with, keeps what the constraints say of cost.
    """
    rows = search.scheduler.val_rows
    if rows is not None and rows >= len(dataset.val):
        rule = f"there are {len(dataset.val):,} validation rows, so it would leave out none"
        mistake = Mistake(key="scheduler.val_rows", value=rows, rule=rule, remedy="remove it")
        raise SearchInvalid(search.source, [mistake])
    for objective in search.objectives:
        if why := search.spec.metric(objective.metric).absent(dataset):
            rule = f"these data give no {objective.metric}: {why}"
            mistake = Mistake(key="objective", rule=rule, remedy="take another metric")
            raise SearchInvalid(search.source, [mistake])
    refuse_alike_batches(search, dataset)
    if any(constraint.is_of_cost for constraint in search.space.constraints):
        _refuse_infeasible(dataset, search)
    if machine is not None:
        _refuse_too_large(dataset, search, machine)


def check_place(
    search: Search,
    sizes: Sequence[ModelCost],
    num_slots: int,
    folder: Path,
    *,
    machine: Machine | None,
) -> list[str]:
    """Return what had better be changed: for room on the disk and on the cards, a line each.

    Batch sizes that train alike, as the data have few rows, are told, too.

    Args:
        search: the search.
        sizes: its smallest and its largest model.
        num_slots: how many trials run side by side.
        folder: of the runs, or of the run.
        machine: what it runs on; None where that is not known.

    Raises:
        UserError: not even what running trials need to go on has room on the disk.
    """
    lines = check_room(search, sizes, num_slots, folder)
    lines += alike_batches(search, sizes[-1].rows_per_epoch)
    card_gb = machine.card_gb if machine is not None else None
    share = card_share_gb(search, machine)
    needed = gb_on_card(sizes[-1])
    if card_gb is None or share is None or needed <= share:
        return lines
    enough = math.ceil(100 * needed / card_gb) / 100
    lines.append(
        f"the largest model takes about {needed:.2g} GB on a card, and the share of a trial with "
        f"resources.gpu {search.resources.gpu:g} is {share:.2g} of {card_gb:.0f} GB: such "
        f"a trial would run out of memory; raise resources.gpu to {enough:g}, or keep "
        f'models below it by `constraints: ["memory_gb <= {max(share - _CARD_GB, 0):.2g}"]`'
    )
    return lines


def gb_on_card(cost: ModelCost) -> float:
    """Return what a training takes of a card's memory, about."""
    return cost.memory_mb / _MB_PER_GB + _CARD_GB


def card_share_gb(search: Search, machine: Machine | None) -> float | None:
    """Return a trial's share of the memory of a card; None where it has none, or nobody knows."""
    if machine is None or machine.card_gb is None or not search.resources.gpu:
        return None
    return machine.card_gb * min(search.resources.gpu, 1.0)


def _refuse_infeasible(dataset: Any, search: Search) -> None:
    def cost_of(values: Mapping[str, Any]) -> ModelCost:
        return search.spec.describe_cost(search.config_for(values), dataset)

    judge = judge_of_space(search.space, cost_of)
    if mistake := infeasible_mistake(search.space, judge, _NUM_DRAWS):
        costs = corner_costs(search, lambda config: search.spec.describe_cost(config, dataset))
        ends = zip(("smallest", "largest"), costs, strict=True)
        words = [
            f"the {which} model has {cost.num_parameters:,} parameters, takes "
            f"{cost.memory_mb / _MB_PER_GB:.2g} GB, and its checkpoint {cost.checkpoint_mb:.2g} MB"
            for which, cost in ends
        ]
        mistake = replace(mistake, rule="; ".join([mistake.rule, *words]))
        raise SearchInvalid(search.source, [mistake])
    mistakes = [
        Mistake(
            place="searcher.warm_start",
            rule=f"{start.name} does not keep the constraint `{rule}`, as its network has "
            f"{cost_of(start.values).num_parameters:,} parameters",
            remedy="loosen it or drop the preset",
        )
        for start in search.warm_starts
        if start.preset is not None
        for rule, violation in zip(search.space.rules, judge(start.values), strict=True)
        if violation
    ]
    if mistakes:
        raise SearchInvalid(search.source, mistakes)


def _refuse_too_many(smallest: ModelCost, search: Search, machine: Machine) -> None:
    """Refuse more trials side by side than the machine has memory for, were they all smallest."""
    slots = min(num_side_by_side(search.resources, machine), search.num_trials)
    room = int(machine.memory_gb * _MB_PER_GB / smallest.memory_mb)
    if search.resources.gpu or slots <= max(room, 1):  # cards have their own shares
        return
    rule = (
        f"{slots:,} trials would run side by side here, and {machine.memory_gb:.0f} GB of memory "
        f"have room for {room} of the smallest model ({smallest.memory_mb / _MB_PER_GB:.2g} GB)"
    )
    key, value = "resources.cpu", search.resources.cpu
    remedy = f"take {math.ceil(1000 * machine.cpu / room) / 1000:g} or more"
    raise SearchInvalid(search.source, [Mistake(key=key, value=value, rule=rule, remedy=remedy)])


def _refuse_too_large(dataset: Any, search: Search, machine: Machine) -> None:
    costs = corner_costs(search, lambda config: search.spec.describe_cost(config, dataset))
    _refuse_too_many(costs[0], search, machine)
    largest = costs[-1]
    on_card = search.resources.gpu > 0
    needed = gb_on_card(largest) if on_card else largest.memory_mb / _MB_PER_GB
    there = machine.card_gb if on_card else machine.memory_gb
    if there is None or needed <= there:
        return
    place = "a card here" if on_card else "this machine"
    rule = (
        f"its largest model has {largest.num_parameters:,} parameters and takes about "
        f"{needed:,.0f} GB of memory in training, and {place} has {there:.0f}"
    )
    remedy = (
        "narrow the range of a width or of batch_size, or keep models below it by "
        f'`constraints: ["memory_gb <= {math.floor(there - _CARD_GB * on_card)}"]`'
    )
    raise SearchInvalid(search.source, [Mistake(place="space", rule=rule, remedy=remedy)])
