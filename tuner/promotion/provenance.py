"""Where a promoted preset comes from: enough to find its trial again, repeat and verify it."""

from datetime import UTC, datetime
from statistics import fmean
from typing import Any

from models.config_file import to_mapping
from tuner.promotion.candidates import Candidate
from tuner.promotion.changes import changes_words
from tuner.record.confirmations import Confirmation, Confirmed, mean_words
from tuner.record.environment import file_digest
from tuner.record.results import Run
from tuner.record.trial_rows import TrialRow
from tuner.record.values import value_words
from tuner.search.compared_rows import name_on_all, rows_words
from tuner.search.search import Search

_HOUR_S = 3600.0


def provenance_of(
    run: Run, search: Search, candidate: Candidate, confirmation: Confirmation | None = None
) -> dict[str, Any]:
    """Return the `provenance` block of a preset, plain values only.

    Args:
        run: the run that the trial is of.
        search: the run's search, with the objective that is promoted by.
        candidate: the trial, with the checkpoints that are promoted.
        confirmation: what retraining on fresh seeds gave, or None when that was not done.
    """
    environment, row, best = run.environment, candidate.row, candidate.best
    metric = search.objective.metric
    spent_s = sum(row.duration_s for row in run.rows)
    confirmed = None if confirmation is None else _confirmed(candidate, confirmation)
    return {
        "search": environment.get("search", search.source),
        "search_sha256": file_digest(run.paths.search_file),
        "run": run.name,
        "trial": {
            "number": row.number,
            "id": row.trial,
            "state": row.state,
            "epochs": row.num_epochs,
        },
        "metric": {
            "name": metric,
            "value": best.metrics[metric],
            "epoch": best.epoch,
            **_part(run, search, row),
        },
        "weights": weights_words(candidate, run, confirmation),
        "last_value": row.last_metrics.get(metric),
        "confirmed": confirmed is not None,
        **({"confirmation": confirmed} if confirmed is not None else {}),
        "parent_preset": search.preset.name,
        **({"fixed": dict(search.fixed)} if search.fixed else {}),
        "space_sha256": search.space.digest,
        "data": environment.get("data", {}),
        "seeds": environment.get("seeds", {}),
        "resources": search.resources.described,
        "wall_seconds": round(row.duration_s, 1),
        "gpu_hours": {
            "search": _hours(spent_s * search.resources.gpu / _HOUR_S),
            **({} if confirmation is None else {"confirmation": _hours(confirmation.gpu_hours)}),
        },
        "commit": environment.get("commit"),
        "dirty": environment.get("dirty"),
        "packages": environment.get("packages", {}),
        "promoted": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def description_of(
    run: Run, search: Search, candidate: Candidate, confirmation: Confirmation | None = None
) -> str:
    """Return what a promoted preset is in one line: what changed, and what that was worth."""
    metric = search.objective.metric
    changes = changes_words(search.base_config, search.config_for(candidate.row.params))
    said = changes or f"as {search.preset.name}"
    if confirmation is None:
        best = candidate.row.best(search.ranking)
        value = best.metrics[metric] if best else candidate.best.metrics[metric]
        rows = rows_words(_part(run, search, candidate.row))
        return f"{said}; {metric} {value_words(value)}{rows} in the search, not confirmed"
    own = _own(candidate, confirmation)
    others = "".join(
        f", {name} {value_words(abs(one.mean))} {'worse' if one.mean < 0 else 'better'}"
        for name, one in own.further.items()
    )
    comma = "," if others else ""
    return (
        f"{own.changes or said}; {metric} {mean_words(own.values)} against "
        f"{mean_words(confirmation.baseline.values)}{others}{comma} on {len(own.values)} seeds"
    )


def weights_words(candidate: Candidate, run: Run, confirmation: Confirmation | None) -> str:
    """Return whose the weights beside a preset are."""
    if candidate.seed is None or confirmation is None:
        return f"trial {candidate.row.number} of the run {run.name}, as the search trained it"
    return f"seed {candidate.seed} of the confirmation {confirmation.id}"


def _part(run: Run, search: Search, row: TrialRow) -> dict[str, Any]:
    """Return by which part of the validation rows the search compared, if it was a part."""
    part, num_all = search.scheduler.val_rows, run.environment.get("data", {}).get("num_val")
    if part is None or (num_all is not None and part >= num_all):
        return {}
    on_all = row.last_metrics.get(name_on_all(search.objective.metric))
    return {"val_rows": part, **({} if on_all is None else {"all_rows": on_all})}


def _own(candidate: Candidate, confirmation: Confirmation) -> Confirmed:
    number = candidate.row.number
    return next(one for one in confirmation.candidates if one.number == number)


def _confirmed(candidate: Candidate, confirmation: Confirmation) -> dict[str, Any]:
    own, baseline = _own(candidate, confirmation), confirmation.baseline
    return {
        "id": confirmation.id,
        "epochs": confirmation.epochs,
        "seeds": list(confirmation.seeds),
        "values": dict(own.values),
        "mean": fmean(own.values.values()),
        "against": {
            "preset": baseline.name,
            "values": dict(baseline.values),
            "mean": fmean(baseline.values.values()),
        },
        "difference": {} if own.difference is None else to_mapping(own.difference),
        **(
            {"further": {name: to_mapping(one) for name, one in own.further.items()}}
            if own.further
            else {}
        ),
        "hours": _hours(confirmation.hours),
    }


def _hours(value: float) -> float:
    return float(f"{value:.3g}")
