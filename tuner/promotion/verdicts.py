"""Who wins a confirmation: paired differences on the same seeds, and the interval of their mean.

Student's t: of the trainings of two settings on one seed the difference is taken, and the interval
of the mean of these differences has to lie above 0. Where all differences are equal it is a point.
It ends where the metric does: accuracies cannot differ by more than 1, however few seeds there are.
"""

import math
import time
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

from models.training.ranking import Mode
from tuner.promotion.confirmation_plan import Plan, Training
from tuner.promotion.contenders import Contender
from tuner.promotion.trained import Trained
from tuner.record.confirmations import Confirmation, Confirmed, Difference
from tuner.record.outcomes import CHANCES, OWN_FAULTS
from tuner.search.blocks import Objective

LEVEL = 0.95
_HOUR_S = 3600.0


def difference(
    values: Mapping[str, float],
    baseline: Mapping[str, float],
    mode: Mode,
    reach: float = math.inf,
) -> Difference | None:
    """Return by how much some values are better than others on the same seeds.

    None where fewer than two seeds have a value on both sides.

    Args:
        values: by seed.
        baseline: by seed.
        mode: whether more or less is better.
        reach: by how much two values can differ at most; the interval goes no further.
    """
    sign = 1.0 if mode == "max" else -1.0
    pairs = [sign * (values[seed] - baseline[seed]) for seed in values if seed in baseline]
    if len(pairs) < 2:
        return None
    mean = fmean(pairs)
    half = t_quantile(len(pairs) - 1, LEVEL) * stdev(pairs) / math.sqrt(len(pairs))
    return _within(mean, half, reach)


def shift(
    now: Sequence[float], before: Sequence[float], mode: Mode, reach: float = math.inf
) -> Difference:
    """Return by how much values of a setting are better than others of the same one had been.

    The seeds differ, so nothing is paired. As the setting is the same, both are taken to spread
    alike, and one value from before is enough.

    Args:
        now: at least two values.
        before: at least one.
        mode: whether more or less is better.
        reach: by how much two values can differ at most.
    """
    sign = 1.0 if mode == "max" else -1.0
    mean = sign * (fmean(now) - fmean(before))
    squares = sum((one - fmean(part)) ** 2 for part in (now, before) for one in part)
    degrees = len(now) + len(before) - 2
    error = math.sqrt(squares / degrees * (1 / len(now) + 1 / len(before)))
    half = t_quantile(degrees, LEVEL) * error
    return _within(mean, half, reach)


def t_quantile(degrees: int, level: float) -> float:
    """Return how many standard errors an interval of this level reaches to both sides."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + level / 2))


def _within(mean: float, half: float, reach: float) -> Difference:
    """Return a difference with its interval, cut to what the metric can differ by.

    What cannot be is no true value, so the interval covers as often as before.
    """
    low, high = max(mean - half, -reach), min(mean + half, reach)
    return Difference(mean=mean, low=low, high=high, level=LEVEL)


def judge(plan: Plan, trained: Mapping[str, Trained]) -> Confirmation:
    """Return what a confirmation gave.

    Args:
        plan: what was to be trained.
        trained: what was, by `training_key`.
    """
    objective = plan.search.objective
    rows = [found.row for one in plan.trainings if (found := trained.get(one.key))]
    hours = sum(row.duration_s for row in rows) / _HOUR_S
    return Confirmation(
        id=plan.id,
        metric=objective.metric,
        mode=objective.mode,
        seeds=plan.seeds,
        epochs=plan.search.scheduler.max_epochs,
        hours=hours,
        gpu_hours=hours * plan.search.resources.gpu,
        baseline=_confirmed(plan, plan.baseline, trained),
        candidates=tuple(_judged(plan, one, trained) for one in plan.candidates),
        ended=time.time(),
    )


def luck(confirmation: Confirmation) -> float | None:
    """Return by how much the candidates were better in the search than on fresh seeds, on average.

    None where no candidate has a value.
    """
    sign = 1.0 if confirmation.mode == "max" else -1.0
    gaps = [
        sign * (one.leaderboard - fmean(one.values.values()))
        for one in confirmation.candidates
        if one.leaderboard is not None and one.values
    ]
    return fmean(gaps) if gaps else None


def own_faults(one: Confirmed) -> Sequence[str]:
    """Return what ended trainings of a setting by its own fault."""
    return [cause for cause in one.failures.values() if cause in OWN_FAULTS]


def by_chance(confirmation: Confirmation) -> Sequence[str]:
    """Return what ended trainings of a confirmation by no fault of their settings."""
    settings = (confirmation.baseline, *confirmation.candidates)
    causes = [cause for one in settings for cause in one.failures.values()]
    return [cause for cause in causes if cause in CHANCES]


def _judged(plan: Plan, candidate: Contender, trained: Mapping[str, Trained]) -> Confirmed:
    found: dict[str, Difference] = {}
    for objective in plan.search.objectives:
        values = values_of(plan, candidate, objective, trained)
        baseline = values_of(plan, plan.baseline, objective, trained)
        reach = plan.search.spec.reach(objective.metric)
        if (one := difference(values, baseline, objective.mode, reach)) is not None:
            found[objective.metric] = one
    return _confirmed(plan, candidate, trained, found)


def _confirmed(
    plan: Plan,
    contender: Contender,
    trained: Mapping[str, Trained],
    differences: Mapping[str, Difference] | None = None,
) -> Confirmed:
    objective = plan.search.objective
    further = dict(differences or {})
    own = further.pop(objective.metric, None)
    rows = _rows(plan, contender, trained)
    values = values_of(plan, contender, objective, trained)
    failures = {
        seed: one.row.cause or one.row.state for seed, one in rows.items() if seed not in values
    }
    return Confirmed(
        number=contender.number,
        name=contender.name,
        values=values,
        failures=failures,
        leaderboard=contender.value,
        difference=own,
        further=further,
        wins=_is_better([one for one in (own, *further.values()) if one is not None])
        and not any(cause in OWN_FAULTS for cause in failures.values()),
        changes=contender.changes,
    )


def _is_better(differences: Sequence[Difference]) -> bool:
    """Return whether some interval lies above 0 and none below it."""
    return any(one.low > 0 for one in differences) and not any(one.high < 0 for one in differences)


def values_of(
    plan: Plan, contender: Contender, objective: Objective, trained: Mapping[str, Trained]
) -> dict[str, float]:
    """Return the values of a contender by seed, at the best epoch of each training."""
    values = {}
    for seed, one in _rows(plan, contender, trained).items():
        best = one.row.best(plan.search.ranking)
        if one.row.state == "done" and best is not None:
            value = best.metrics.get(objective.metric, math.nan)
            values |= {seed: value} if math.isfinite(value) else {}
    return values


def _rows(plan: Plan, contender: Contender, trained: Mapping[str, Trained]) -> dict[str, Trained]:
    trainings = [Training(contender=contender, seed=seed) for seed in plan.seeds]
    return {str(one.seed): trained[one.key] for one in trainings if one.key in trained}
