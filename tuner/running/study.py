"""The Optuna study of a search: its storage, its sampler, its rows as a driver finds them.

Every driver writes the study anew from the run's record, the first one without any rows. So study
and record agree whatever happened before.
"""

import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.trial import FrozenTrial

from models.errors import UserError
from tuner.running.bounded_sampler import BoundedTPESampler
from tuner.running.lean_journal import LeanJournalStorage
from tuner.running.progress import Progress
from tuner.running.study_journal import StudyJournal
from tuner.running.study_patience import PatientStorage
from tuner.running.study_place import StudyPlace, without_password
from tuner.running.trial_streams import SeededRandomSampler

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
INFEASIBLE = "infeasible"
"""User attribute: points that were drawn before the trial's and do not keep the constraints."""
WARM_START = "warm_start"
"""User attribute: the preset that a trial came from which is a warm start."""
SPACE = "space"
"""User attribute of the study: the digest of the search space."""

_SQLITE_TIMEOUT_S = 30


def write_study(
    place: StudyPlace,
    directions: Sequence[Direction],
    sampler: BaseSampler,
    *,
    space: str,
    rows: Iterable[FrozenTrial] = (),
) -> optuna.Study:
    """Write a study that has these rows, in place of the one that a driver before left.

    A journal is written beside and renamed. In a database the study is deleted first: a crash in
    between costs nothing, as the rows come from the run's record.

    Args:
        place: where.
        directions: of the objectives.
        sampler: draws its trials.
        space: the digest of the search space.
        rows: the trials by number, from 0.

    Raises:
        UserError: the storage cannot be opened, or the study there is of another search.
    """
    if isinstance(place.location, str):
        storage = open_storage(place.location)
        _delete_study(storage, place.name, directions, space)
        return fill_study(open_study(storage, place.name, directions, sampler), space, rows)
    beside = place.location.with_name(f".{place.location.name}.new")
    for left in beside.parent.glob(f"*{place.location.name}*.lock*"):
        left.unlink(missing_ok=True)  # of a driver that was killed: the run has one at a time
    beside.unlink(missing_ok=True)
    fill_study(open_study(open_storage(beside), place.name, directions, sampler), space, rows)
    beside.replace(place.location)
    storage = LeanJournalStorage(StudyJournal(place.location))
    return open_study(storage, place.name, directions, sampler)


def name_metrics(study: optuna.Study, metrics: Sequence[str]) -> None:
    """Give the objectives of a study their names, which optuna-dashboard shows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names(list(metrics))


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
    is_sqlite = location.startswith("sqlite")
    try:
        if is_sqlite:
            return RDBStorage(location, engine_kwargs=sqlite)
        return PatientStorage(location)
    except ImportError as error:
        kind = location.partition(":")[0]
        raise UserError(
            f"the study's storage cannot be opened: no driver for {kind}:// is installed (for "
            "postgresql:// it is `pip install 'grammar-tuner[postgres]'`): check the URL"
        ) from error
    except Exception as error:  # every database driver raises its own types
        reason = without_password(re.sub(r"^\(\S+\) ", "", str(error).splitlines()[0]))
        where = "" if is_sqlite else ", and that ~/.pgpass has its password"
        raise UserError(
            f"the study's storage cannot be opened: {reason}: check the URL{where}"
        ) from error


def close_storage(storage: BaseStorage) -> None:
    """Close the connections to a database; a file needs no end."""
    backend = getattr(storage, "_backend", storage)  # Optuna puts a cache before a database
    if isinstance(backend, RDBStorage):
        backend.remove_session()
        backend.engine.dispose()


def open_study(
    storage: BaseStorage, name: str, directions: Sequence[Direction], sampler: BaseSampler
) -> optuna.Study:
    """Create the study, or open it as it is."""
    return optuna.create_study(
        storage=storage,
        study_name=name,
        sampler=sampler,
        pruner=optuna.pruners.NopPruner(),  # the scheduler decides
        directions=_directions(directions),
        load_if_exists=True,
    )


def build_sampler(
    name: Literal["tpe", "random"],
    seed: int,
    earlier: Sequence[FrozenTrial] = (),
    progress: Progress | None = None,
) -> BoundedTPESampler | SeededRandomSampler:
    """Build a sampler; TPE models conditional parameters jointly within their group.

    Args:
        name: TPE, or random, which learns nothing.
        seed: of the draws.
        earlier: trials of other studies that TPE learns from, too.
        progress: what the trials reported, by which TPE ranks them.
    """
    if name == "random":
        return SeededRandomSampler(seed)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ExperimentalWarning
        )  # `group` has been experimental for years
        return BoundedTPESampler(seed, earlier=earlier, progress=progress)


def fill_study(study: optuna.Study, space: str, rows: Iterable[FrozenTrial]) -> optuna.Study:
    """Give a new study its rows and the digest of its space, and return it."""
    study.set_user_attr(SPACE, space)
    for row in rows:
        study._storage.create_new_trial(study._study_id, template_trial=row)
    return study


def _delete_study(
    storage: BaseStorage, name: str, directions: Sequence[Direction], space: str
) -> None:
    """Delete the study that an earlier driver of the same run left in a database."""
    found = {study.study_name: study for study in storage.get_all_studies()}.get(name)
    if found is None:
        return
    known = [direction.name.lower() for direction in found.directions]
    if known != _directions(directions) or found.user_attrs.get(SPACE, space) != space:
        raise UserError(
            f"the study {name!r} in the database is of another search, as its directions "
            f"({', '.join(known)}) or its space differ: take another --storage"
        )
    storage.delete_study(found._study_id)


def _directions(modes: Sequence[Direction]) -> list[Literal["minimize", "maximize"]]:
    return ["maximize" if mode == "max" else "minimize" for mode in modes]
