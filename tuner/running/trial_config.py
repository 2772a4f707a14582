"""What a worker is told: the plan of all trials, and of each what the driver writes and it reads.

Imports no torch, which the driver does not need.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.training.contracts import ModelSpec
from tuner.search.search import Search

NUMBER = "number"
"""Key of the trial's number in the study."""
PARAMS = "params"
"""Key of the values drawn for the trial, as the model's settings take them."""
TRIAL = "trial"
"""Key of the trial's id in the record, which names the folder of its checkpoints."""
REACHED = "reached"
"""Key of the last epoch on record, after which a trial that starts again goes on; 0 for none."""
IDLE = "idle"
"""Key of a worker's orders that are to do nothing, as no point is left for it."""


@dataclass(frozen=True, kw_only=True)
class TrialPlan:
    """What all trials of a search share; Ray copies it to every worker.

    Attributes:
        settings: every key of the preset, as plain values.
        objectives: what is reported for the search to see.
        checkpoints: the folder of all trials' checkpoints.
        val_rows: see `SchedulerConfig.val_rows`.
    """

    spec: ModelSpec
    settings: Mapping[str, Any]
    objectives: tuple[str, ...]
    checkpoints: Path
    val_rows: int | None = None


def worker_needs(search: Search) -> tuple[tuple[str, ...], int]:
    """Return the modules that a worker imports, and in how many threads it trains."""
    modules = (f"{search.spec.home}.task", "tuner.running.trainable")
    return modules, max(1, int(search.resources.cpu))
