"""The rows of the study as the event log has its trials."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from tuner.record.outcomes import EPOCH, Cause
from tuner.record.trial_rows import EpochPoint, TrialRow
from tuner.running.space_optuna import distribution, encode
from tuner.running.study import BEST_EPOCH, CAUSE, CURVE, LAST, MESSAGE, RAY_TRIAL, WARM_START
from tuner.search.domains import ScalarDomain
from tuner.search.search import Search
from tuner.search.space import flatten


def rows_of(search: Search, rows: Sequence[TrialRow]) -> Iterator[FrozenTrial]:
    """Yield the row of every trial of a run that is over, by number from 0; gaps are failures."""
    by_number = {row.number: row for row in rows}
    for number in range(max(by_number, default=-1) + 1):
        row = by_number.get(number)
        if row is None:
            yield create_trial(state=TrialState.FAIL, user_attrs={CAUSE: Cause.LOST})
        else:
            yield _row_of(search, row)


def _row_of(search: Search, row: TrialRow) -> FrozenTrial:
    metrics = [objective.metric for objective in search.objectives]
    whole = [point for point in row.curve if _is_whole(point, metrics)]
    best = min(whole, key=lambda point: point.cost(search.ranking), default=None)
    state, values, attributes = TrialState.FAIL, None, _described(row, whole, best, metrics)
    if row.state == "done" and best is not None and row.curve[-1] is whole[-1]:
        state, values = TrialState.COMPLETE, [best.metrics[metric] for metric in metrics]
    elif row.state == "stopped" and (whole or len(metrics) > 1):
        state = TrialState.PRUNED
        attributes[CAUSE] = row.cause
    else:
        cause = Cause.NAN if row.state == "done" else row.cause
        attributes[CAUSE] = cause or "interrupted"
        if row.message:
            attributes[MESSAGE] = row.message
    params, distributions = _parameters(search, row.params)
    intermediate = {} if len(metrics) > 1 else _best_so_far(search, whole)
    if state is TrialState.PRUNED and intermediate:
        values = [intermediate[max(intermediate)]]  # as Optuna itself takes it
    frozen = create_trial(
        state=state,
        values=values,
        params=params,
        distributions=distributions,
        user_attrs=attributes | _warm_start(search, row.number),
        intermediate_values=intermediate,
    )
    frozen.datetime_start = datetime.fromtimestamp(row.created)
    return frozen


def _parameters(
    search: Search, values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """Return the study's parameters for the values of the active keys, with what they are of."""
    distributions: dict[str, BaseDistribution] = {}
    flat = flatten(values, search.space)

    def pick(name: str, domain: ScalarDomain) -> Any:
        distributions[name] = distribution(domain)
        return flat[name]

    search.space.walk(pick)
    return encode(search.space, values), distributions


def _described(
    row: TrialRow, whole: Sequence[EpochPoint], best: EpochPoint | None, metrics: Sequence[str]
) -> dict[str, Any]:
    attributes: dict[str, Any] = {RAY_TRIAL: row.trial}
    if best is not None:
        own = {metric: [point.metrics[metric] for point in whole] for metric in metrics}
        attributes[BEST_EPOCH] = best.epoch
        attributes[LAST] = {metric: whole[-1].metrics[metric] for metric in metrics}
        attributes[CURVE] = {EPOCH: [point.epoch for point in whole], **own}
    return attributes


def _best_so_far(search: Search, whole: Sequence[EpochPoint]) -> dict[int, float]:
    values: dict[int, float] = {}
    best: EpochPoint | None = None
    for point in whole:
        if best is None or point.cost(search.ranking) < best.cost(search.ranking):
            best = point
        values[point.epoch] = best.metrics[search.ranking.metric]
    return values


def _warm_start(search: Search, number: int) -> dict[str, str]:
    starts = search.warm_starts
    return {WARM_START: starts[number].preset.name} if number < len(starts) else {}


def _is_whole(point: EpochPoint, metrics: Sequence[str]) -> bool:
    return all(math.isfinite(point.metrics.get(metric, math.nan)) for metric in metrics)
