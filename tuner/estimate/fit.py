"""Whether the models of a search fit: into the machine's memory, and into its own constraints."""

from collections.abc import Mapping
from typing import Any

from models.errors import Mistake
from models.training.contracts import ModelCost
from tuner.errors import SearchInvalid
from tuner.estimate.cost import corner_costs
from tuner.search.feasibility import infeasible_mistake, judge_of_space
from tuner.search.machine import Machine
from tuner.search.search import Search

_MB_PER_GB = 1000
_NUM_DRAWS = 100
"""Points whose cost is computed, a few milliseconds each, to find one within the constraints."""


def check_fit(dataset: Any, *, search: Search, machine: Machine | None) -> None:
    """Refuse a search whose models do not fit.

    Args:
        dataset: its data, by which the cost of a model is known.
        search: the search.
        machine: what it runs on; None where that is not known.

    Raises:
        SearchInvalid: its largest model needs more memory than there is, or no point keeps what
            the constraints say of cost.
    """
    if any(constraint.is_of_cost for constraint in search.space.constraints):
        _refuse_infeasible(dataset, search)
    if machine is not None and not search.resources.gpu:  # a card's memory is not the machine's
        _refuse_too_large(dataset, search, machine)


def _refuse_infeasible(dataset: Any, search: Search) -> None:
    def cost_of(values: Mapping[str, Any]) -> ModelCost:
        return search.spec.describe_cost(search.config_for(values), dataset)

    judge = judge_of_space(search.space, cost_of)
    if mistake := infeasible_mistake(search.space, judge, _NUM_DRAWS):
        raise SearchInvalid(search.source, [mistake])


def _refuse_too_large(dataset: Any, search: Search, machine: Machine) -> None:
    _, largest = corner_costs(search, lambda config: search.spec.describe_cost(config, dataset))
    needed = largest.memory_mb / _MB_PER_GB
    if needed <= machine.memory_gb:
        return
    rule = (
        f"its largest model has {largest.num_parameters:,} parameters and takes about "
        f"{needed:,.0f} GB of memory in training, and this machine has {machine.memory_gb:.0f}"
    )
    remedy = (
        "narrow the range of a width or of batch_size, or keep models below it by "
        f'`constraints: ["memory_gb <= {machine.memory_gb:.0f}"]`'
    )
    raise SearchInvalid(search.source, [Mistake(place="space", rule=rule, remedy=remedy)])
