"""Where a promoted preset comes from: enough to find its trial again and to repeat it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tuner.environment import file_digest
from tuner.results import Run
from tuner.search import Search
from tuner.trial_rows import EpochPoint, TrialRow


def provenance_of(
    run: Run,
    search: Search,
    row: TrialRow,
    best: EpochPoint,
    confirmation: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the `provenance` block of a preset, plain values only.

    Args:
        run: the run that the trial is of.
        search: the run's search.
        row: the trial.
        best: the epoch whose checkpoint is promoted.
        confirmation: what retraining on fresh seeds gave, or None when that was not done.
    """
    environment = run.environment
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
            "name": search.objective.metric,
            "value": best.metrics[search.objective.metric],
            "epoch": best.epoch,
        },
        "last_value": row.last_metrics.get(search.objective.metric),
        "confirmed": confirmation is not None,
        **({"confirmation": dict(confirmation)} if confirmation is not None else {}),
        "parent_preset": search.preset.name,
        "space_sha256": search.space.digest,
        "data": environment.get("data", {}),
        "seeds": environment.get("seeds", {}),
        "wall_seconds": round(row.duration_s, 1),
        "commit": environment.get("commit"),
        "dirty": environment.get("dirty"),
        "packages": environment.get("packages", {}),
        "promoted": datetime.now(UTC).isoformat(timespec="seconds"),
    }
