"""The Optuna study of a search: its storage, its sampler, its warm starts and its orphans."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.trial import TrialState

from models.errors import UserError
from tuner.record.outcomes import Cause
from tuner.running.bounded_sampler import BoundedTPESampler
from tuner.running.study_journal import StudyJournal

Direction = Literal["min", "max"]

CAUSE = "cause"
"""User attribute: why a trial failed."""
MESSAGE = "message"
RAY_TRIAL = "ray_trial"
"""User attribute: the trial's id in Ray and in the events file."""
BEST_EPOCH = "best_epoch"
"""User attribute: the epoch that the row's value, the best so far, is of."""
LAST = "last"
"""User attribute: the values of the last epoch, by metric."""
CURVE = "curve"
"""User attribute: every epoch's own values, a list by metric, and the epochs.

The row's intermediate values are the best so far: Optuna takes the last one for the value of a
stopped trial, TPE compares stopped trials by it, and optuna-dashboard draws it.
"""
WARM_START = "warm_start"
"""User attribute: the preset that an enqueued trial came from."""

_SQLITE_TIMEOUT_S = 30

logger = logging.getLogger(__name__)


def open_storage(location: Path | str) -> BaseStorage:
    """Open a journal file (a path) or a database (a URL such as `sqlite:///study.db`).

    Raises:
        UserError: the database cannot be reached.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if isinstance(location, Path):
        return JournalStorage(StudyJournal(location))
    # Two processes on one SQLite file lock each other out for moments; wait instead of failing.
    sqlite = {"connect_args": {"timeout": _SQLITE_TIMEOUT_S}}
    try:
        return RDBStorage(location, engine_kwargs=sqlite if location.startswith("sqlite") else {})
    except Exception as error:  # every database driver raises its own types
        reason = str(error).splitlines()[0]
        raise UserError(f"the study's storage cannot be opened: {reason}: check the URL") from error


def open_study(
    storage: BaseStorage, name: str, directions: Sequence[Direction], sampler: BaseSampler
) -> optuna.Study:
    """Create the study, or open it and mark the rows that a crash left running as failed."""
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        sampler=sampler,
        pruner=optuna.pruners.NopPruner(),  # the scheduler decides
        directions=["maximize" if mode == "max" else "minimize" for mode in directions],
        load_if_exists=True,
    )
    fail_orphans(study)
    return study


def build_sampler(name: Literal["tpe", "random"], seed: int) -> BaseSampler:
    """Build a sampler; TPE models conditional parameters jointly within their group."""
    if name == "random":
        return RandomSampler(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ExperimentalWarning
        )  # `group` has been experimental for years
        return BoundedTPESampler(seed)


def fail_orphans(study: optuna.Study) -> list[int]:
    """Mark rows without a process as failed, since TPE takes a running row for a bad trial."""
    orphans = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    for row in orphans:
        optuna.Trial(study, row._trial_id).set_user_attr(CAUSE, Cause.LOST)
        study.tell(row.number, state=TrialState.FAIL)
        logger.warning("trial %d was left running by a crash: marked as failed", row.number)
    return [row.number for row in orphans]


def enqueue(study: optuna.Study, params: Mapping[str, object], preset: str) -> None:
    """Let the search begin with these flat Optuna parameters, which come from a preset."""
    study.enqueue_trial(dict(params), user_attrs={WARM_START: preset}, skip_if_exists=True)
