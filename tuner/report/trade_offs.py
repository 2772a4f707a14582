"""The Pareto front: of several objectives, else of the objective against the time of an epoch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.wording import count
from tuner.report.figures.trade_offs import draw_front
from tuner.report.material import Material
from tuner.report.section import Figure, Section
from tuner.report.thinning import plain_domain
from tuner.report.wording import listing, number, share
from tuner.search.blocks import Objective

_MOST_TRIALS = 1000
_NEARLY = 0.05
SPEED = "seconds an epoch"


@dataclass(frozen=True, kw_only=True)
class Point:
    """A trial with its values, on the front if no other is as good in all and better in one."""

    trial: int
    values: tuple[float, ...]
    on_front: bool


def front_of(values: Sequence[tuple[int, tuple[float, ...]]], modes: Sequence[str]) -> list[Point]:
    """Return all points, told which lie on the front, by trial.

    Args:
        values: a trial's number and values, finite ones.
        modes: `max` or `min`, of every value.
    """

    def costs(one: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(-v if mode == "max" else v for v, mode in zip(one, modes, strict=True))

    # In order of cost none is beaten by a later one, unless by an equal, which beats nobody.
    ordered = sorted(values, key=lambda item: costs(item[1]))
    front: list[tuple[float, ...]] = []
    found = []
    for trial, own in ordered:
        cost = costs(own)
        beaten = any(
            other != cost and all(a <= b for a, b in zip(other, cost, strict=True))
            for other in front
        )
        if not beaten and cost not in front:
            front.append(cost)
        found.append(Point(trial=trial, values=own, on_front=not beaten))
    return sorted(found, key=lambda point: point.trial)


def trade_offs_section(material: Material) -> Section:
    """Return the section."""
    objectives = material.search.objectives
    if len(objectives) > 1:
        return _section(material, objectives, _values(material, objectives), "Pareto front")
    speed = Objective(metric=SPEED, mode="min")
    values = [
        (one.row.number, (one.value, one.row.duration_s / one.row.num_epochs))
        for one in material.valued
        if one.row.duration_s > 0 and one.row.num_epochs
    ]
    return _section(material, (material.search.objective, speed), values, "Value against speed")


def _values(
    material: Material, objectives: Sequence[Objective]
) -> list[tuple[int, tuple[float, ...]]]:
    found = []
    for one in material.valued:
        point = one.row.best(material.ranking)
        metrics = point.metrics if point else {}
        own = tuple(metrics.get(objective.metric, math.nan) for objective in objectives)
        if all(map(math.isfinite, own)):
            found.append((one.row.number, own))
    return found


def _section(
    material: Material,
    objectives: Sequence[Objective],
    values: list[tuple[int, tuple[float, ...]]],
    title: str,
) -> Section:
    if len(values) < 2:
        missing = (f"It takes two trials with {listing([one.metric for one in objectives])}.",)
        return Section(anchor="front", title=title, missing=missing)
    points = front_of(values, [one.mode for one in objectives])
    front = [point for point in points if point.on_front]
    first, second = objectives[:2]
    drawn = [*front, *[point for point in points if not point.on_front][:_MOST_TRIALS]]
    columns: dict[str, list[Any]] = {
        "trial": [point.trial for point in drawn],
        "first": [point.values[0] for point in drawn],
        "second": [point.values[1] for point in drawn],
        "kind": ["on the front" if point.on_front else "beaten" for point in drawn],
    }
    notes = [f"{first.metric}: {_better(first)}; {second.metric}: {_better(second)}."]
    if len(objectives) > 2:
        rest = listing([one.metric for one in objectives[2:]])
        notes.append(f"The front is that of all objectives, of which {rest} cannot be drawn.")
    if len(drawn) < len(points):
        notes.append(f"Drawn are {len(drawn):,} of {len(points):,} trials, the front in any case.")
    lost = len(material.valued) - len(values)
    if lost:
        notes.append(f"Left out, without all values: {count(lost, 'trial')}.")
    figure = Figure(
        name="front",
        spec=draw_front(
            first.metric,
            second.metric,
            plain_domain(columns["first"], worse_low=first.mode == "max"),
            plain_domain(columns["second"], worse_low=second.mode == "max"),
        ),
        data={"front": columns},
        note=" ".join(notes),
    )
    words = _words(material, front, objectives)
    return Section(anchor="front", title=title, words=words, figures=(figure,))


def _words(
    material: Material, front: Sequence[Point], objectives: Sequence[Objective]
) -> tuple[str, ...]:
    if objectives[1].metric == SPEED:
        return (_speed_words(material, front),)
    numbers = listing([str(point.trial) for point in front])
    if len(front) == 1:
        return (f"Trial {numbers} is the best in every objective.",)
    return (
        f"{len(front)} trials are on the front: each is beaten in one objective only by losing in "
        f"another: {numbers}.",
    )


def _speed_words(material: Material, front: Sequence[Point]) -> str:
    best = material.best
    assert best is not None
    own = next((point for point in front if point.trial == best.row.number), None)
    quickest = min(front, key=lambda point: point.values[1])
    if own is None or quickest.trial == own.trial:
        return "No trial with nearly the best value has quicker epochs."
    near = [
        point
        for point in front
        if point.trial != own.trial
        and abs(own.values[0] - point.values[0]) <= _NEARLY * (abs(own.values[0]) or 1)
    ]
    if not near:
        gap = number(abs(own.values[0] - quickest.values[0]))
        return (
            "No trial with nearly the best value has quicker epochs; the quickest on the front, "
            f"trial {quickest.trial}, is {gap} worse than the best."
        )
    quick = min(near, key=lambda point: point.values[1])
    gap = number(abs(own.values[0] - quick.values[0]))
    return (
        f"Trial {quick.trial} comes within {gap} of the best at "
        f"{share(quick.values[1] / own.values[1])} of its time an epoch."
    )


def _better(objective: Objective) -> str:
    return "more is better" if objective.mode == "max" else "less is better"
