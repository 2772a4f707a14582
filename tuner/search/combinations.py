"""Blocks of a search that cannot work together, each with the reason and what to change."""

import math
from collections.abc import Iterator, Sequence

from models.errors import Mistake
from tuner.search.blocks import Budget, Objective, Resources, SchedulerConfig, SearcherConfig
from tuner.search.domains import Choice, Domain, FloatRange, ListOf
from tuner.search.machine import Machine, num_side_by_side
from tuner.search.space import Parameter, Space
from tuner.search.space_points import count_points

_SAMPLER = "searcher.sampler"
_SCHEDULER = "scheduler.name"


def budget_mistakes(
    budget: Budget, resources: Resources, objectives: Sequence[Objective]
) -> Iterator[Mistake]:
    """Yield what no trial could ever spend or reach."""
    if budget.gpu_hours is not None and resources.gpu == 0:
        key = "budget.gpu_hours"
        rule = f"{key} ({budget.gpu_hours:g}) counts nothing, as resources.gpu is 0"
        yield Mistake(key=key, rule=rule, remedy="remove it, or give trials a share of a GPU")
    if budget.target is not None and len(objectives) > 1:
        key, num = "budget.target", len(objectives)
        rule = f"{key} ({budget.target:g}) is a value of one objective, and there are {num}"
        yield Mistake(key=key, rule=rule, remedy="remove it, or take budget.no_improvement")


def sampler_mistakes(
    searcher: SearcherConfig, space: Space, objectives: Sequence[Objective]
) -> Iterator[Mistake]:
    """Yield what the sampler cannot draw, a line for each key."""
    if searcher.sampler == "grid":
        for parameter in space.parameters:
            if _is_continuous(parameter.domain):
                key = f"space.{parameter.key}"
                rule = f"{_SAMPLER} is grid, and {key} has no steps"
                yield Mistake(
                    key=key, rule=rule, remedy="give it a `step`, or a `choice` of values"
                )
    if searcher.sampler == "cmaes":
        yield from _cmaes_mistakes(space, objectives)


def _cmaes_mistakes(space: Space, objectives: Sequence[Objective]) -> Iterator[Mistake]:
    place = f"{_SAMPLER} is cmaes, which adapts a normal distribution over numbers"
    if len(objectives) > 1:
        rule = f"{place} to one objective, and there are {len(objectives)}"
        yield Mistake(key=_SAMPLER, rule=rule, remedy="take nsga2, tpe or gp")
    for parameter in space.parameters:
        key, what = f"space.{parameter.key}", _not_a_number(parameter)
        if what is not None:
            yield Mistake(key=key, rule=f"{place}, and {key} is {what}", remedy="take tpe")
    if len(space.parameters) < 2:
        rule = f"{place} of two keys or more, and one is searched"
        yield Mistake(key=_SAMPLER, rule=rule, remedy="take gp or tpe")


def _not_a_number(parameter: Parameter) -> str | None:
    if isinstance(parameter.domain, Choice):
        return "a choice without an order"
    if isinstance(parameter.domain, ListOf):
        return "a list"
    return "there at some points only" if parameter.when else None


def scheduler_mistakes(
    scheduler: SchedulerConfig, objectives: Sequence[Objective]
) -> Iterator[Mistake]:
    """Yield what the scheduler cannot compare."""
    what = {
        "median": "compares whole curves of one objective",
        "pbt": "lets the last of one objective give up",
    }.get(scheduler.name)
    if what is not None and len(objectives) > 1:
        rule = f"{_SCHEDULER} is {scheduler.name}, which {what}, and there are {len(objectives)}"
        remedy = "take fifo, or asha, which compares by the first"
        yield Mistake(key=_SCHEDULER, rule=rule, remedy=remedy)


def population_mistakes(
    searcher: SearcherConfig,
    scheduler: SchedulerConfig,
    budget: Budget,
    space: Space,
    changeable: Sequence[str],
) -> Iterator[Mistake]:
    """Yield why a population could not be trained."""
    if scheduler.name != "pbt":
        return
    if searcher.sampler not in ("random", "qmc"):
        rule = (
            f"{_SCHEDULER} is pbt, which changes settings by itself, and {_SAMPLER} is "
            f"{searcher.sampler}"
        )
        yield Mistake(
            key=_SAMPLER, rule=rule, remedy="take random or qmc for the first ones, or name none"
        )
    if not set(changeable) & set(space.keys):
        rule = f"{_SCHEDULER} is pbt, and no key is searched that may change in mid-training"
        remedy = f"search one of {', '.join(changeable)}" if changeable else "take asha"
        yield Mistake(key=_SCHEDULER, rule=rule, remedy=remedy)
    if scheduler.population > budget.num_trials:
        rule = (
            f"scheduler.population ({scheduler.population}) is above budget.num_trials "
            f"({budget.num_trials}), which counts those that take over, too"
        )
        remedy = "raise budget.num_trials, or take a smaller population"
        yield Mistake(key="scheduler.population", rule=rule, remedy=remedy)


def room_mistakes(
    scheduler: SchedulerConfig, resources: Resources, machine: Machine
) -> Iterator[Mistake]:
    """Yield why a population would not train side by side: none could be compared in time."""
    slots = num_side_by_side(resources, machine)
    if scheduler.name != "pbt" or not slots or scheduler.population <= slots:
        return
    rule = (
        f"scheduler.population ({scheduler.population}) trains side by side, and this machine has "
        f"room for {slots} trials of resources cpu {resources.cpu:g}, gpu {resources.gpu:g}"
    )
    key, has = ("gpu", machine.gpu) if resources.gpu else ("cpu", machine.cpu)
    enough = math.floor(1000 * has / scheduler.population) / 1000
    remedy = f"take resources.{key} {enough:g}, or a smaller population"
    yield Mistake(key="scheduler.population", rule=rule, remedy=remedy)


def sampler_advice(searcher: SearcherConfig, space: Space, budget: Budget) -> list[str]:
    """Return what a sampler does less well than another, a line each."""
    advice = []
    sampler = searcher.sampler
    conditional = [one.key for one in space.parameters if one.parents]
    if sampler in ("gp", "nsga2") and conditional:
        advice.append(
            f"{_SAMPLER} {sampler} draws {', '.join(conditional)} at random, which some points do "
            "not have: tpe learns them, too"
        )
    if sampler == "grid":
        some_more = budget.num_trials + 1
        if count_points(space, some_more) == some_more:
            advice.append(
                f"the grid has more points than budget.num_trials ({budget.num_trials}), and they "
                "are tried in the file's order: raise it, or take qmc, which spreads them"
            )
    return advice


def _is_continuous(domain: Domain) -> bool:
    scalar = domain.item if isinstance(domain, ListOf) else domain
    return isinstance(scalar, FloatRange) and scalar.step is None and scalar.low < scalar.high
