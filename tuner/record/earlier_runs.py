"""Trials of earlier runs that a search begins with: as results that are known, or as points to try.

A result is known where the trial was trained as this search would train it: on the same data, with
equal settings to the last key, and with every objective in its reports. It is told to the sampler
and not trained again. Of others only the point counts. Both are written into the run's folder, so
that a resume needs the earlier run no more.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from models.config_file import to_mapping
from models.effects import plain
from models.errors import UserError, with_key
from models.wording import are, count
from tuner.errors import SearchInvalid
from tuner.record.environment import describe_data
from tuner.record.outcomes import Cause
from tuner.record.paths import find_run
from tuner.record.results import leaderboard, read_run
from tuner.record.search_copy import read_search
from tuner.record.trial_rows import TrialRow
from tuner.search.blocks import RunStart
from tuner.search.search import KnownTrial, Search, WarmStart

_KEY = "searcher.warm_start"
_ASIDE = ("seed", "description", "save_top_k")
"""Keys in which equal settings may differ: they change nothing that is measured."""


@dataclass(kw_only=True)
class _Found:
    """What a run gives: results, points, and of the others the reasons in words."""

    name: str
    same_data: bool
    same_rows: bool
    known: list[KnownTrial] = field(default_factory=list)
    points: list[WarmStart] = field(default_factory=list)
    reasons: dict[str, list[int]] = field(default_factory=dict)


def with_earlier_runs(search: Search, dataset: Any) -> tuple[Search, list[str]]:
    """Return a search with the trials of the runs that its warm start names, and what to say of it.

    Args:
        search: as its file says.
        dataset: its data.

    Raises:
        SearchInvalid: no such run, one of another model, or more points to try than trials.
    """
    try:
        return _with_trials(search, dataset)
    except UserError as error:
        raise SearchInvalid(search.source, with_key(error.mistakes, _KEY)) from error


def _with_trials(search: Search, dataset: Any) -> tuple[Search, list[str]]:
    starts = [one for one in search.searcher.warm_start if isinstance(one, RunStart)]
    digest = describe_data({}, dataset).get("digest")
    known, points = list(search.known), list(search.warm_starts)
    said = []
    for start in starts:
        found = _read(start, search, digest)
        known += found.known
        points += found.points
        said.append(_words(start, found))
    sources = [(one.values, one.source) for one in known]
    said += [
        f"warm start {point.name}: not trained again, as it is known from {source}"
        for point in search.warm_starts
        for source in [source for values, source in sources if values == point.values][:1]
    ]
    num_trials = search.budget.num_trials
    if len(points) > num_trials:
        raise UserError(
            f"{_KEY} gives {count(len(points), 'point')} to try, and there "
            f"{are(num_trials)} {count(num_trials, 'trial')}: name `top` of a run, or raise "
            "budget.num_trials"
        )
    return replace(search, known=tuple(known), warm_starts=tuple(points)), said


def _read(start: RunStart, search: Search, digest: str | None) -> _Found:
    paths = find_run(start.run)
    run, earlier = read_run(paths), read_search(paths)
    if earlier.model != search.model:
        raise UserError(
            f"{_KEY}: the run '{start.run}' is of the model {earlier.model}, and this "
            f"search of {search.model}: name one of the same model"
        )
    same_data = digest is not None and run.environment.get("data", {}).get("digest") == digest
    same_rows = earlier.scheduler.val_rows == search.scheduler.val_rows
    found = _Found(name=run.name, same_data=same_data, same_rows=same_rows)
    ranked = [one.row for one in leaderboard(run, search.ranking) if one.epoch is not None]
    if failed := [row.number for row in ranked if row.state == "failed"]:
        found.reasons["left out, as they failed"] = failed
    for row in [row for row in ranked if row.state != "failed"][: start.top]:
        _sort_in(found, row, to_mapping(earlier.config_for(row.params)), search)
    return found


def _sort_in(found: _Found, row: TrialRow, settings: Mapping[str, Any], search: Search) -> None:
    """Take a trial as a result, as a point, or leave it out."""
    source = f"{found.name}, trial {row.number}"
    values, illegal = search.space.locate(settings)
    if illegal:
        keys = " and ".join(f"{one.key} {plain(one.value)}" for one in illegal)
        why = f"left out, as {keys} is outside the space"
        found.reasons.setdefault(why, []).append(row.number)
        return
    why = _why_not_known(row, settings, search.space.complete(values), found)
    scores = _scores(row, search)
    if why is None and scores is not None:
        trial = KnownTrial(
            source=source,
            values=values,
            scores=scores,
            num_epochs=row.num_epochs,
            is_complete=row.state == "done",
        )
        found.known.append(trial)
        return
    why = why or "as an objective is not among what they reported"
    found.points.append(WarmStart(name=source, values=values))
    found.reasons.setdefault(f"points to try only, {why}", []).append(row.number)


def _why_not_known(
    row: TrialRow, then: Mapping[str, Any], now: Mapping[str, Any], found: _Found
) -> str | None:
    if not found.same_data:
        return "as they had other data"
    if not found.same_rows:
        return "as they were compared by other validation rows"
    differ = [key for key in now if key not in _ASIDE and then.get(key) != now[key]]
    if differ:
        return f"as {', '.join(differ)} differ"
    if row.parent is not None:
        return "as their settings changed in mid-training"
    if row.state not in ("done", "stopped") or row.cause == Cause.BUDGET:
        return "as they were cut off"
    return None


def _scores(row: TrialRow, search: Search) -> tuple[float, ...] | None:
    best = row.best(search.ranking)
    if best is None:
        return None
    values = [best.metrics.get(one.metric, math.nan) for one in search.objectives]
    return tuple(values) if all(map(math.isfinite, values)) else None


def _words(start: RunStart, found: _Found) -> str:
    num = len(found.known)
    results = "is a known result" if num == 1 else "are known results"
    parts = [f"{num:,} of its trials {results}"] if num else []
    parts += [f"trial {_numbers(numbers)}: {why}" for why, numbers in found.reasons.items()]
    return f"warm start from the run {start.run}: {'; '.join(parts) or 'no trial has a value'}"


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
