"""Checks the study of a run that is over against its event log, which is the record.

Where they differ the study is written anew from the log; the old file stays beside it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from tuner.record.events import TrialCreated
from tuner.record.findings import Finding
from tuner.record.past import Past
from tuner.record.paths import RunPaths
from tuner.record.trial_rows import TrialRow
from tuner.running.space_optuna import decode
from tuner.running.study import RAY_TRIAL, Direction, build_sampler, open_storage, open_study
from tuner.running.study_rows import rows_of
from tuner.search.search import Search

_STORAGE = "--storage"


def check_study(
    paths: RunPaths, search: Search, rows: Sequence[TrialRow], environment: Mapping[str, Any]
) -> Iterator[Finding]:
    """Yield in what the study differs from the log."""
    if _is_in_database(environment):
        yield Finding(
            what="the study is in a database", remedy="not checked: it is shared", harmless=True
        )
        return
    if not rows and not paths.study_file.exists():
        return
    wanted = list(rows_of(search, Past(rows=tuple(rows))))
    rebuild = _rebuilder(paths, search, wanted)
    for what in _differences(paths, wanted):
        yield Finding(what=what, remedy="written again from the event log", mend=rebuild)


def created_trial(paths: RunPaths, search: Search, trial: str) -> TrialCreated | None:
    """Return the event that created a trial as the study has it; None if it knows of none."""
    for row in (_read(paths.study_file) if paths.study_file.exists() else None) or []:
        if row.user_attrs.get(RAY_TRIAL) == trial and row.datetime_start is not None:
            values = decode(search.space, row.params)
            time = row.datetime_start.timestamp()
            return TrialCreated(trial=trial, number=row.number, params=values, time=time)
    return None


def num_rows(paths: RunPaths) -> int:
    """Return how many rows the study has that is in the run's folder; 0 without one."""
    found = _read(paths.study_file) if paths.study_file.exists() else None
    return len(found or [])


def _is_in_database(environment: Mapping[str, Any]) -> bool:
    study, command = environment.get("study") or {}, environment.get("command") or []
    given = any(str(part).split("=")[0] == _STORAGE for part in command)
    return bool(study.get("storage")) or given


def _differences(paths: RunPaths, wanted: Sequence[FrozenTrial]) -> Iterator[str]:
    file = paths.study_file
    if not file.exists():
        yield f"{file.name}: missing"
        return
    if not file.read_bytes().endswith(b"\n"):
        yield f"{file.name}: its last line is torn"
        return
    found = _read(file)
    if found is None:
        yield f"{file.name}: damaged"
        return
    for number, row in enumerate(wanted):
        if number >= len(found):
            yield f"{file.name}: trial {number} is missing"
        elif difference := _difference(found[number], row):
            yield f"{file.name}: trial {number} {difference}"
    for row in found[len(wanted) :]:
        if row.state is not TrialState.WAITING:  # a warm start that had no turn
            yield f"{file.name}: trial {row.number} ({row.state.name}) is not in the event log"


def _read(file: Path) -> list[FrozenTrial] | None:
    """Return the rows of the only study in a journal; None if it cannot be read."""
    try:
        storage = open_storage(file)
        (study,) = storage.get_all_studies()
        return storage.get_all_trials(study._study_id)
    except Exception:  # noqa: BLE001  (Optuna raises whatever its reader stumbles over)
        return None


def _difference(found: FrozenTrial, wanted: FrozenTrial) -> str | None:
    if found.state is not wanted.state:
        return f"is {found.state.name}, and the event log says {wanted.state.name}"
    if found.params != wanted.params:
        return "has other parameters than the event log"
    if wanted.values is not None and found.values != wanted.values:
        return f"has the value {found.values}, and the event log says {wanted.values}"
    trial = wanted.user_attrs.get(RAY_TRIAL)
    return None if found.user_attrs.get(RAY_TRIAL) == trial else f"is not called {trial}"


def _rebuilder(paths: RunPaths, search: Search, rows: Sequence[FrozenTrial]) -> Callable[[], None]:
    """Return what writes the study again, once for all that differs."""
    done: list[bool] = []
    return partial(_rebuild, paths, search, rows, done)


def _rebuild(
    paths: RunPaths, search: Search, rows: Sequence[FrozenTrial], done: list[bool]
) -> None:
    if done:
        return
    file = paths.study_file
    beside = file.with_name(f".{file.name}.new")
    beside.unlink(missing_ok=True)
    directions: list[Direction] = [objective.mode for objective in search.objectives]
    sampler = build_sampler("random", search.seed)  # nothing is drawn
    study = open_study(open_storage(beside), paths.name, directions, sampler)
    for row in rows:
        study._storage.create_new_trial(study._study_id, template_trial=row)
    if file.exists():
        file.replace(paths.old_study_file)
    beside.replace(file)
    for lock in file.parent.glob(f".{file.name}.new.lock*"):
        lock.unlink(missing_ok=True)
    done.append(True)
