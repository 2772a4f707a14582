"""Whether the models of a search fit into the memory of the machine that it runs on."""

from typing import Any

from models.errors import Mistake
from tuner.errors import SearchInvalid
from tuner.estimate.cost import corner_costs
from tuner.search.machine import Machine
from tuner.search.search import Search

_MB_PER_GB = 1000


def refuse_too_large(dataset: Any, *, search: Search, machine: Machine) -> None:
    """Refuse a search whose largest model needs more memory than there is.

    Trials on a GPU are left to run: a card's memory is not the machine's.

    Raises:
        SearchInvalid: with what is needed, what there is, and how to keep within it.
    """
    if search.resources.gpu:
        return
    _, largest = corner_costs(search, lambda config: search.spec.describe_cost(config, dataset))
    needed = largest.memory_mb / _MB_PER_GB
    if needed <= machine.memory_gb:
        return
    rule = (
        f"its largest model has {largest.num_parameters:,} parameters and takes about "
        f"{needed:,.0f} GB of memory in training, and this machine has {machine.memory_gb:.0f}"
    )
    remedy = "narrow the range of a width or of batch_size"
    raise SearchInvalid(search.source, [Mistake(place="space", rule=rule, remedy=remedy)])
