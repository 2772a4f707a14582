"""What the checkpoints of a search take on disk, and whether the disk has room for them.

Pure functions, but for the look at the disk.
"""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.training.contracts import ModelCost
from tuner.estimate.cost import corner_costs, num_kept
from tuner.record.paths import RunPaths
from tuner.search.search import Search

_MB_PER_GB = 1000
_NUM_TO_GO_ON = 2
"""Of a running trial: the last whole checkpoint, and the one that is being written."""
_NUM_LATEST = 3
"""What a running trial has beside its best: those two, and one until the driver has looked."""
_NUM_LEADERS = 2
"""Kept in any case: the best checkpoint of the best trial, and of the best that has ended."""


@dataclass(frozen=True, kw_only=True)
class DiskNeed:
    """What checkpoints take on disk, in GB.

    Attributes:
        num_slots: how many trials run side by side.
        least_gb: what running trials need to go on after a crash, all of the smallest model.
        running_gb: the same, all of the largest.
        most_gb: the most that there is at any moment, within `keep.max_gb` where it can hold.
    """

    num_slots: int
    least_gb: float
    running_gb: float
    most_gb: float


def disk_need(search: Search, smallest: ModelCost, largest: ModelCost, num_slots: int) -> DiskNeed:
    """Return what a search takes.

    Args:
        search: the search.
        smallest: the model at the corner of its space with the fewest parameters.
        largest: that at the corner with the most.
        num_slots: how many trials run side by side.
    """
    num_slots = min(num_slots, search.num_trials)
    per_trial = search.base_config.save_top_k
    each = min(per_trial + _NUM_LATEST, search.scheduler.max_epochs)
    running_gb = num_slots * _NUM_TO_GO_ON * _gb(largest)
    most_gb = (num_slots * each + num_kept(search) * per_trial) * _gb(largest)
    if search.keep.max_gb is not None:
        needed_gb = (num_slots + _NUM_LEADERS) * _gb(largest)
        within_gb = max(search.keep.max_gb, needed_gb) + num_slots * _gb(largest)
        most_gb = min(most_gb, within_gb)
    return DiskNeed(
        num_slots=num_slots,
        least_gb=num_slots * _NUM_TO_GO_ON * _gb(smallest),
        running_gb=running_gb,
        most_gb=most_gb,
    )


def model_sizes(search: Search, dataset: Any) -> tuple[ModelCost, ModelCost]:
    """Return the smallest and the largest model of a search."""
    return corner_costs(search, lambda config: search.spec.describe_cost(config, dataset))


def check_room(
    search: Search, sizes: Sequence[ModelCost], num_slots: int, folder: Path
) -> list[str]:
    """Return what may go wrong with the room on the disk, a line each.

    Args:
        search: the search.
        sizes: its smallest and its largest model.
        num_slots: how many trials run side by side.
        folder: of the runs, or of the run; it need not exist.

    Raises:
        UserError: not even what running trials need to go on has room.
    """
    smallest, largest = sizes
    need = disk_need(search, smallest, largest, num_slots)
    free_gb = free_on(folder) + _taken_gb(folder)
    side_by_side = f"{need.num_slots} trials side by side"
    place = f"{free_gb:.3g} GB are free for {folder}"
    if need.least_gb > free_gb:
        raise UserError(
            f"{side_by_side} need at least {need.least_gb:.3g} GB of checkpoints to go on after a "
            f"crash, and {place}: free space, let TUNER_RUNS be a folder on a larger disk, or let "
            "fewer trials run side by side (a larger resources.cpu or resources.gpu)"
        )
    max_gb = search.keep.max_gb
    warnings = []
    if max_gb is not None and max_gb > free_gb:
        warnings.append(f"keep.max_gb is {max_gb:g}, and {place}: free space, or lower it")
    if max_gb is not None and max_gb < need.running_gb:
        warnings.append(
            f"keep.max_gb is {max_gb:g}, and {side_by_side} need up to {need.running_gb:.3g} GB to "
            "go on after a crash: where they do, it is exceeded; raise it, or let fewer run"
        )
    if max_gb is None and need.most_gb > free_gb:
        warnings.append(
            f"checkpoints may take up to {need.most_gb:.3g} GB, and {place}: free space, or give "
            "keep.max_gb a number below that"
        )
    elif need.running_gb > free_gb:
        warnings.append(
            f"{side_by_side} of the largest model need {need.running_gb:.3g} GB to go on after a "
            f"crash, and {place}: free space, or let fewer run side by side"
        )
    return warnings


def free_on(folder: Path) -> float:
    """Return the GB that are free on the disk of a folder, or of the first above it that exists."""
    place = next(one for one in (folder, *folder.parents) if one.exists())
    return shutil.disk_usage(place).free / 1e9


def _taken_gb(folder: Path) -> float:
    """Return what the checkpoints of a run that goes on take already."""
    total = 0
    for file in RunPaths(folder).checkpoints.glob("*/*/*"):
        with suppress(OSError):
            total += file.stat().st_size
    return total / 1e9


def _gb(cost: ModelCost) -> float:
    return cost.checkpoint_mb / _MB_PER_GB
