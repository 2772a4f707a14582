"""Blocks of a search that cannot work together, each with the reason and what to change."""

from collections.abc import Iterator, Sequence

from models.errors import Mistake
from tuner.search.blocks import Budget, Objective, Resources


def budget_mistakes(
    budget: Budget, resources: Resources, objectives: Sequence[Objective]
) -> Iterator[Mistake]:
    """Yield what no trial could ever spend or reach."""
    if budget.gpu_hours is not None and resources.gpu == 0:
        rule = (
            f"budget.gpu_hours ({budget.gpu_hours:g}) counts nothing, as a trial takes no GPU "
            "(resources.gpu is 0)"
        )
        remedy = "remove it, or give trials a share of one"
        yield Mistake(key="budget.gpu_hours", rule=rule, remedy=remedy)
    if budget.target is not None and len(objectives) > 1:
        rule = (
            f"budget.target ({budget.target:g}) is a value of one objective, and there are "
            f"{len(objectives)}"
        )
        remedy = "remove it, or take budget.no_improvement"
        yield Mistake(key="budget.target", rule=rule, remedy=remedy)
