"""What was trained for the confirmations of a run: one row a training, wherever it lies.

A training that an earlier confirmation has done, by the same code and on the same data, is not done
again: more seeds or more candidates train what is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.promotion.confirmation_plan import Plan, training_key
from tuner.record.changes import code_changes, data_changes
from tuner.record.liveness import latest_driver
from tuner.record.outcomes import CHANCES
from tuner.record.paths import RunPaths, is_run
from tuner.record.results import Run, kept_checkpoints, read_environment, read_run
from tuner.record.search_copy import read_search
from tuner.record.trial_rows import EpochPoint, TrialRow
from tuner.search.search import Search

_ENDED = ("done", "failed")


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A training that came to its end, in a confirmation's folder."""

    paths: RunPaths
    row: TrialRow

    @property
    def failed_by_chance(self) -> bool:
        """Whether it failed by no fault of its settings, so that it is to be trained again."""
        return self.row.state == "failed" and self.row.cause in CHANCES

    @property
    def checkpoints(self) -> list[tuple[EpochPoint, Path]]:
        """Its checkpoints that are on disk."""
        return kept_checkpoints(self.paths, self.row)


def trained_before(plan: Plan, folder: Path, driver: Mapping[str, Any]) -> dict[str, Trained]:
    """Return what the confirmations in a folder have trained under the conditions of a plan.

    Args:
        plan: says model, data, objectives and resources.
        folder: of the confirmations.
        driver: code and packages that count, as `describe_driver` returns them, and the data's
            description where it is known.
    """
    found: dict[str, Trained] = {}
    for place in sorted(folder.iterdir()) if folder.is_dir() else []:
        paths = RunPaths(place)
        if is_run(paths) and _is_alike(paths, plan, driver):
            found = _merged(found, trained_in(paths))
    return found


def trained_in(paths: RunPaths) -> dict[str, Trained]:
    """Return what one confirmation has trained, by `training_key`."""
    presets = [start.preset for start in read_search(paths).warm_starts]
    return {
        training_key(preset.config): Trained(paths=paths, row=row)
        for row in read_run(paths).rows
        if row.state in _ENDED and (preset := presets[row.number]) is not None
    }


def results(plan: Plan, own: RunPaths, driver: Mapping[str, Any]) -> dict[str, Trained]:
    """Return all that counts for a plan: what its own folder has, then what others have."""
    if not is_run(own):
        return trained_before(plan, own.folder.parent, driver)
    environment = read_environment(own.environment_file)
    known = {**latest_driver(environment), "data": environment.get("data", {})}
    return _merged(trained_before(plan, own.folder.parent, known), trained_in(own))


def to_train_again(plan: Plan, own: RunPaths, done: Mapping[str, Trained]) -> list[str]:
    """Return the ids of the trials of a plan's own folder that failed by chance, and count for it.

    Args:
        plan: what is wanted.
        own: its folder, which has a run.
        done: what counts for it.
    """
    counting = [found for one in plan.trainings if (found := done.get(one.key))]
    return [
        one.row.trial for one in counting if one.failed_by_chance and one.paths.folder == own.folder
    ]


def has_ended(run: Run) -> bool:
    """Return whether all trainings of a confirmation came to their end."""
    return run.status == "finished"


def _merged(known: Mapping[str, Trained], more: Mapping[str, Trained]) -> dict[str, Trained]:
    """Return both; of two equal trainings the later one, but none that failed by chance."""
    kept = {
        key: one
        for key, one in more.items()
        if key not in known or known[key].failed_by_chance or not one.failed_by_chance
    }
    return {**known, **kept}


def _is_alike(paths: RunPaths, plan: Plan, driver: Mapping[str, Any]) -> bool:
    environment = read_environment(paths.environment_file)
    if code_changes(environment, driver):
        return False
    if "data" in driver and data_changes(environment, driver["data"]):
        return False
    other = read_search(paths)
    return _conditions(other) == _conditions(plan.search)


def _conditions(search: Search) -> tuple[Any, ...]:
    return search.model, search.data, search.objectives, search.resources
