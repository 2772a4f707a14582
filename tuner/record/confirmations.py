"""What retraining the best trials of a run on fresh seeds gave, kept in the run's folder.

A confirmation trains each candidate and the preset to beat on the same seeds, so that differences
are paired: a seed that favours one favours the other too.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Any, Literal

from models.config_file import to_config, to_mapping, write_text
from models.errors import UserError
from tuner.record.paths import RunPaths
from tuner.record.values import value_words


@dataclass(frozen=True, kw_only=True)
class Difference:
    """By how much a candidate is better than the preset to beat: above 0 is better in any mode.

    Attributes:
        mean: over the seeds on which both ended with a value.
        low: the lower end of the interval of the mean.
        high: its upper end.
        level: the share of such intervals that hold the true mean, 0.95 say.
    """

    mean: float
    low: float
    high: float
    level: float


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """One setting, retrained on fresh seeds.

    Attributes:
        number: the trial that it was drawn for; None for the preset to beat.
        name: what it is called: `trial 7`, or the preset's name.
        values: the best value by seed, as text; seeds whose training failed are missing.
        failures: what ended the trainings that failed, by seed.
        leaderboard: the trial's value in the search; None for the preset to beat.
        difference: against the preset to beat; None for that one itself, and without two seeds.
        further: the same by the other objectives, where there are several.
        wins: whether the whole interval is above 0, and no training failed by its settings; of
            several objectives that of one, and none lies below 0.
        changes: what differs from the preset to beat, in words.
        preset: what was made of it, or None.
    """

    number: int | None = None
    name: str
    values: Mapping[str, float]
    failures: Mapping[str, str]
    leaderboard: float | None = None
    difference: Difference | None = None
    further: Mapping[str, Difference] = field(default_factory=dict)
    wins: bool = False
    changes: str = ""
    preset: str | None = None


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """One confirmation of a run.

    Attributes:
        id: the name of its folder in `RunPaths.confirmations`, which is a run of its own; there is
            none where all had been trained by others.
        metric: by which is judged.
        mode: whether more or less of it is better.
        seeds: on which all were trained.
        epochs: at most so many, for each.
        hours: of training, all together.
        gpu_hours: hours times the share of a GPU.
        baseline: the preset to beat.
        candidates: the trials, the best of the search first.
        ended: seconds since 1970.
    """

    id: str
    metric: str
    mode: Literal["max", "min"]
    seeds: tuple[int, ...]
    epochs: int
    hours: float
    gpu_hours: float
    baseline: Confirmed
    candidates: tuple[Confirmed, ...]
    ended: float


@dataclass(frozen=True, kw_only=True)
class _Content:
    confirmations: tuple[Confirmation, ...]


def read_confirmations(paths: RunPaths) -> list[Confirmation]:
    """Return the confirmations of a run that came to their end, the oldest first.

    Raises:
        UserError: the record is damaged.
    """
    file = paths.confirmation_file
    if not file.exists():
        return []
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
        return list(to_config(_Content, dict(content), str(file)).confirmations)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{file}: not the record of confirmations ({error}): move it away, "
            f"and `tuner promote {paths.handle}` confirms again"
        ) from error


def write_confirmations(paths: RunPaths, confirmations: Iterable[Confirmation]) -> None:
    """Write the whole record.

    Raises:
        UserError: the disk is full.
    """
    content = to_mapping(_Content(confirmations=tuple(confirmations)))
    write_text(paths.confirmation_file, json.dumps(content, indent=2, allow_nan=False) + "\n")


def mean_words(values: Mapping[str, float]) -> str:
    """Return the mean of values by seed, with their standard deviation where there are several."""
    found = list(values.values())
    spread = f" +- {value_words(stdev(found))}" if len(found) > 1 else ""
    return f"{value_words(fmean(found))}{spread}"
