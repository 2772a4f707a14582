"""The trials of a run as pandas tables, with the columns that `tuner export --csv` has."""

from typing import Any

from models.errors import UserError
from models.training.ranking import Ranking
from tuner.record.results import Run
from tuner.record.search_copy import read_search
from tuner.record.trial_rows import TrialRow
from tuner.record.trial_tables import LAST, PARAMS, description


def trials_frame(run: Run) -> Any:
    """Return a table with a row a trial, by number.

    Raises:
        UserError: pandas is not installed.
    """
    ranking = read_search(run.paths).ranking
    return _pandas().DataFrame([_cells(row, ranking) for row in run.rows])


def curves_frame(run: Run) -> Any:
    """Return a table with a row an epoch, by trial and epoch.

    Raises:
        UserError: pandas is not installed.
    """
    rows = [
        {"number": row.number, "epoch": point.epoch, **point.metrics}
        for row in run.rows
        for point in row.curve
    ]
    return _pandas().DataFrame(rows)


def _cells(row: TrialRow, ranking: Ranking) -> dict[str, Any]:
    best = row.best(ranking)
    return {
        **description(row),
        "best_epoch": best.epoch if best else None,
        **{PARAMS + key: value for key, value in row.params.items()},
        **(best.metrics if best else {}),
        **{LAST + name: value for name, value in row.last_metrics.items()},
    }


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise UserError("pandas is not installed: pip install pandas") from error
    return pandas
