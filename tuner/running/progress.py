"""How good trials are while some are stopped early and others still run: what samplers learn from.

The last value of a trial says little beside that of another one, if one was stopped after an epoch
and the other trained to its end; and at the first rungs a metric such as the accuracy of whole rows
is 0 for nearly all. So trials are compared only where both have been, by the ranking that the
scheduler has at its rungs, which tells equal values apart by the model's early metric.
"""

import copy
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from optuna.trial import FrozenTrial, TrialState

from models.training.ranking import NO_VALUE, Cost, Ranking
from tuner.record.trial_rows import TrialRow
from tuner.running.ended_trials import TOLD, as_complete


class Progress:
    """What every trial of a search has reported so far.

    Args:
        ranking: the order of epochs at a rung.
        rows: the trials that drivers before have trained.
    """

    def __init__(self, ranking: Ranking, rows: Iterable[TrialRow] = ()) -> None:
        self._ranking = ranking
        self._costs: dict[int, dict[int, Cost]] = {}
        for row in rows:
            for point in row.curve:
                self.report(row.number, point.epoch, point.metrics)

    def report(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Take an epoch; one that goes on from a checkpoint reports some of them again."""
        costs = self._costs.setdefault(number, {})
        for later in [known for known in costs if known >= epoch]:
            del costs[later]
        costs[epoch] = self._ranking.cost(metrics, epoch)

    def forget(self, number: int) -> None:
        """Drop a trial that nobody asks for any more."""
        self._costs.pop(number, None)

    def costs(self, number: int) -> Mapping[int, Cost]:
        """Return what is known of a trial, by epoch."""
        return self._costs.get(number, {})


def ranked(
    trials: Sequence[FrozenTrial], sign: float, progress: Progress | None = None
) -> list[FrozenTrial]:
    """Return the trials that can be compared, the best first.

    First all are ranked by where they stood at the first epoch at which a trial has ended. Those
    that reached the next such epoch are ranked by where they stood there, among the places that
    they hold; and so on. So one that only went further, as the first at a rung always does, is not
    thought better for it, and what was stopped is neither lost nor taken for what it might be.

    Args:
        trials: those that ended with a value, and those that run.
        sign: turns a value into a cost.
        progress: what they reported; without it the study's own values are taken.
    """
    curves = {one.number: _curve(one, sign, progress) for one in trials}
    levels = sorted({max(curves[one.number]) for one in trials if one.state in TOLD})
    order: list[FrozenTrial] = []
    for level in levels:
        here = _standing(trials, curves, level)
        placed = {one.number for one in order}
        order += [one for one in trials if one.number in here and one.number not in placed]
        places = [place for place, one in enumerate(order) if one.number in here]
        members = sorted((order[place] for place in places), key=lambda one: here[one.number])
        for place, one in zip(places, members, strict=True):
            order[place] = one
    return order


def as_ranked(
    trials: Sequence[FrozenTrial], sign: float, progress: Progress | None = None
) -> list[FrozenTrial]:
    """Return the trials as a sampler is to see them, which takes values for what they are.

    Those that can be compared are complete there, with normal scores for values: the quantiles of
    a normal distribution that their ranks are. So no outlier and no floor hides the others.
    """
    order = [one.number for one in ranked(trials, sign, progress)]
    score = statistics.NormalDist().inv_cdf
    scores = {
        number: sign * score((place + 0.5) / len(order)) for place, number in enumerate(order)
    }
    return [_with_value(one, scores[one.number]) if one.number in scores else one for one in trials]


def _with_value(trial: FrozenTrial, value: float) -> FrozenTrial:
    whole = as_complete(trial)
    whole = copy.copy(trial) if whole is trial else whole
    whole.values = [value]
    return whole


def _standing(
    trials: Sequence[FrozenTrial], curves: Mapping[int, Mapping[int, Cost]], level: int
) -> dict[int, Cost]:
    """Return where the trials stand that reached a level, or ended by themselves before."""
    found = {}
    for one in trials:
        curve, has_ended = curves[one.number], one.state is TrialState.COMPLETE
        costs = [cost for epoch, cost in curve.items() if epoch <= level]
        if has_ended and not costs:  # of an earlier run, of which the end alone is known
            costs = list(curve.values())
        if costs and (has_ended or max(curve) >= level):
            found[one.number] = min(costs)
    return found


def _curve(one: FrozenTrial, sign: float, progress: Progress | None) -> Mapping[int, Cost]:
    if progress is not None and (known := progress.costs(one.number)):
        return known
    found = {
        step: (sign * value, math.inf, -step)
        for step, value in one.intermediate_values.items()
        if math.isfinite(value)
    }
    if found or one.state not in TOLD:
        return found
    return {1: NO_VALUE if one.value is None else (sign * one.value, math.inf, 0)}
