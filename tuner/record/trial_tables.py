"""The trials of a run as a table and as lines of JSON, for other tools to read."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from models.training.ranking import Ranking
from tuner.record.events import finite_or_text
from tuner.record.trial_rows import EpochPoint, TrialRow

PARAMS = "params."
"""Before a searched key in the name of a column."""
LAST = "last."
"""Before a metric's name: its value at the last epoch, where without it stands the best one's."""


def csv_text(rows: Sequence[TrialRow], ranking: Ranking) -> str:
    """Return a table with a row a trial; lists stand in it as JSON.

    A cell is empty where a trial has no such value: a key that is not active, an epoch that was
    not reached. A key whose value is None has `null`.
    """
    cells = [_cells(row, ranking) for row in rows]
    keys = list(dict.fromkeys(PARAMS + key for row in rows for key in row.params))
    metrics = list(dict.fromkeys(name for row in rows for p in row.curve for name in p.metrics))
    columns = [*_described(rows), *keys, *metrics, *(LAST + name for name in metrics)]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(cells)
    return text.getvalue()


def json_lines(run: str, rows: Iterable[TrialRow], ranking: Ranking) -> Iterator[str]:
    """Yield a line a trial, with its learning curve.

    Numbers that are not finite stand as text, as in the event log: JSON has none.
    """
    for row in rows:
        best = row.best(ranking)
        content = {
            "run": run,
            **description(row),
            "params": dict(row.params),
            "best": None if best is None else _point(best),
            "curve": [_point(point) for point in row.curve],
        }
        yield json.dumps(content, allow_nan=False) + "\n"


def description(row: TrialRow) -> dict[str, Any]:
    """Return what there is to say of any trial."""
    return {
        "number": row.number,
        "trial": row.trial,
        "state": row.state,
        "cause": row.cause,
        "message": row.message,
        "where": row.where,
        "created": _time(row.created),
        "num_starts": row.num_starts,
        "num_epochs": row.num_epochs,
        "duration_s": row.duration_s,
    }


def _described(rows: Sequence[TrialRow]) -> list[str]:
    empty = TrialRow(trial="", number=0, params={}, state="queued", created=0.0)
    return [*description(rows[0] if rows else empty), "best_epoch"]


def _cells(row: TrialRow, ranking: Ranking) -> dict[str, str]:
    best = row.best(ranking)
    described = {**description(row), "best_epoch": best.epoch if best else None}
    found = {key: _cell(value) for key, value in described.items() if value is not None}
    found |= {PARAMS + key: _cell(value) for key, value in row.params.items()}
    found |= {name: _cell(value) for name, value in (best.metrics if best else {}).items()}
    return found | {LAST + name: _cell(value) for name, value in row.last_metrics.items()}


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value).replace("NaN", "nan").replace("Infinity", "inf")


def _point(point: EpochPoint) -> dict[str, Any]:
    return {
        "epoch": point.epoch,
        "time": _time(point.time),
        "metrics": finite_or_text(point.metrics),
        "checkpoint": point.checkpoint,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
