"""The trials of a run as an Optuna study of its own, made of the event log."""

from collections.abc import Container
from pathlib import Path

from optuna.storages import BaseStorage, RDBStorage

from models.errors import UserError
from tuner.record.past import Past
from tuner.record.paths import RunPaths
from tuner.running.study import (
    Direction,
    build_sampler,
    fill_study,
    name_metrics,
    open_storage,
    open_study,
)
from tuner.running.study_place import without_password
from tuner.running.study_rows import rows_of
from tuner.search.search import Search

_JOURNALS = (".journal", ".log")
_DATABASES = (".db", ".sqlite", ".sqlite3")


def export_study(
    paths: RunPaths,
    search: Search,
    past: Past,
    target: str,
    *,
    going_on: Container[str] = (),
    replace: bool = False,
) -> str:
    """Write the study, under the run's name, and return the Python expression that loads it.

    Args:
        paths: of the run.
        search: what was searched.
        past: its trials.
        target: a file, by its ending a journal or an SQLite database; or a database's URL.
        going_on: trials that still run.
        replace: whether a file, or a study of this name in the database, may be replaced.

    Raises:
        UserError: the target is there already, or cannot be written, or is neither.
    """
    if "://" in target:
        _write(_opened(target, paths.name, replace), paths, search, past, going_on)
        return f"optuna.load_study(study_name={paths.name!r}, storage={without_password(target)!r})"
    file = Path(target).resolve()
    is_database = file.suffix in _DATABASES
    if not is_database and file.suffix not in _JOURNALS:
        raise UserError(
            f"--optuna {target}: give a journal file ({', '.join(_JOURNALS)}), an SQLite file "
            f"({', '.join(_DATABASES)}) or the URL of a database, as postgresql://..."
        )
    beside = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        storage = open_storage(f"sqlite:///{beside}" if is_database else beside)
        _write(storage, paths, search, past, going_on)
        if isinstance(storage, RDBStorage):
            storage.engine.dispose()
        beside.replace(file)
    except OSError as error:
        raise UserError(f"{file}: cannot be written: {error.strerror or error}") from error
    finally:
        for left in file.parent.glob(f"{beside.name}*"):
            left.unlink(missing_ok=True)
    if is_database:
        return f"optuna.load_study(study_name={paths.name!r}, storage='sqlite:///{file}')"
    backend = f"optuna.storages.journal.JournalFileBackend({str(file)!r})"
    storage = f"optuna.storages.JournalStorage({backend})"
    return f"optuna.load_study(study_name={paths.name!r}, storage={storage})"


def _opened(url: str, name: str, replace: bool) -> BaseStorage:
    """Open a database that has no study of this name."""
    storage = open_storage(url)
    found = {study.study_name: study for study in storage.get_all_studies()}.get(name)
    if found is None:
        return storage
    if not replace:
        raise UserError(
            f"{without_password(url)} has a study {name!r} already: --force replaces it"
        )
    storage.delete_study(found._study_id)
    return storage


def _write(
    storage: BaseStorage, paths: RunPaths, search: Search, past: Past, going_on: Container[str]
) -> None:
    directions: list[Direction] = [objective.mode for objective in search.objectives]
    sampler = build_sampler("random", search.seed)  # nothing is drawn
    study = open_study(storage, paths.name, directions, sampler)
    name_metrics(study, [objective.metric for objective in search.objectives])
    fill_study(study, search.space.digest, rows_of(search, past, going_on=going_on))
