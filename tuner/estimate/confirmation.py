"""What a confirmation will cost, from the seconds that the search's own epochs took."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from tuner.estimate.wall_time import END_S, GPU_START_S, START_S
from tuner.record.trial_rows import TrialRow

_HOUR_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class ConfirmationCost:
    """What trainings take, if none ends early.

    Attributes:
        trainings: how many.
        guessed: how many of them are of settings whose epochs were never timed, and are taken to
            be as long as those of the others.
        epochs: of all together.
        hours: of all together, one after the other; None where no epoch was ever timed.
        gpu_hours: hours times the share of a GPU.
        longest_s: the longest training.
        gpu: the share of a GPU of each.
    """

    trainings: int
    guessed: int
    epochs: int
    hours: float | None
    gpu_hours: float
    longest_s: float
    gpu: float

    def wall_s(self, num_slots: int) -> float | None:
        """Return the expected seconds from the command to its end, so many at a time."""
        if self.hours is None:
            return None
        slots = min(num_slots, self.trainings)
        whole_s = self.hours * _HOUR_S
        start_s = GPU_START_S if self.gpu else START_S
        spread_s = whole_s / slots + self.longest_s / 2 * (slots - 1) / slots
        return start_s + max(spread_s, self.longest_s) + END_S


def confirmation_cost(
    epoch_s: Iterable[float | None], max_epochs: int, gpu: float
) -> ConfirmationCost:
    """Return what trainings take.

    Args:
        epoch_s: the seconds of an epoch of each training.
        max_epochs: of each.
        gpu: the share of a GPU of each.
    """
    each = list(epoch_s)
    known = [seconds for seconds in each if seconds is not None]
    usual = median(known) if known else None
    seconds = [max_epochs * (one or usual or 0.0) for one in each]
    hours = sum(seconds) / _HOUR_S if usual is not None else None
    return ConfirmationCost(
        trainings=len(each),
        guessed=len(each) - len(known),
        epochs=len(each) * max_epochs,
        hours=hours,
        gpu_hours=(hours or 0.0) * gpu,
        longest_s=max(seconds, default=0.0),
        gpu=gpu,
    )


def seconds_per_epoch(rows: Iterable[TrialRow]) -> Mapping[int, float]:
    """Return the seconds of an epoch of every trial that has one, by number."""
    return {row.number: row.duration_s / row.num_epochs for row in rows if row.num_epochs}
