"""What a confirmation will cost, from the seconds that the search's own epochs took."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from tuner.estimate.wall_time import played_s, with_start_and_end
from tuner.record.trial_rows import TrialRow

_HOUR_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class ConfirmationCost:
    """What trainings take, if none ends early.

    Attributes:
        works_s: what each takes, in the order in which they begin; 0 where nothing is known.
        guessed: how many of them are of settings whose epochs were never timed, and are taken to
            be as long as those of the others.
        epochs: of all together.
        hours: of all together, one after the other; None where no epoch was ever timed.
        gpu_hours: hours times the share of a GPU.
        gpu: the share of a GPU of each.
        alone: what an epoch takes without others beside it, as a share of what was timed.
    """

    works_s: tuple[float, ...]
    guessed: int
    epochs: int
    hours: float | None
    gpu_hours: float
    gpu: float
    alone: float = 1.0

    @property
    def trainings(self) -> int:
        """How many."""
        return len(self.works_s)

    def wall_s(self, num_slots: int) -> float | None:
        """Return the expected seconds from the command to the prompt; None where none is known.

        It is played, as `tuner check` plays a search: trainings begin in their order wherever a
        slot is free.

        Args:
            num_slots: how many train side by side, and did when their epochs were timed.
        """
        if self.hours is None:
            return None
        span_s = played_s(self.works_s, num_slots, self.alone, num_slots)
        return with_start_and_end(span_s, self.gpu)


def confirmation_cost(
    epoch_s: Iterable[float | None], max_epochs: int, gpu: float, alone: float = 1.0
) -> ConfirmationCost:
    """Return what trainings take.

    Args:
        epoch_s: the seconds of an epoch of each training, in the order in which they begin.
        max_epochs: of each.
        gpu: the share of a GPU of each.
        alone: see `alone_share`.
    """
    each = list(epoch_s)
    known = [seconds for seconds in each if seconds is not None]
    usual = median(known) if known else None
    works_s = tuple(max_epochs * (one or usual or 0.0) for one in each)
    hours = sum(works_s) / _HOUR_S if usual is not None else None
    return ConfirmationCost(
        works_s=works_s,
        guessed=len(each) - len(known),
        epochs=len(each) * max_epochs,
        hours=hours,
        gpu_hours=(hours or 0.0) * gpu,
        gpu=gpu,
        alone=alone,
    )


def alone_share(rows_per_s: Mapping[str, float], gpu: float) -> float:
    """Return what an epoch takes alone on a card, as a share of what it takes beside others.

    Args:
        rows_per_s: of all trials together by their number on a card, where a search measured that
            (`gpu: auto`); without it 1.
        gpu: the share of a card of each.
    """
    num = round(1 / gpu) if gpu else 1
    if not (one := rows_per_s.get("1")) or not (all_of_them := rows_per_s.get(str(num))):
        return 1.0
    return min(all_of_them / num / one, 1.0)


def seconds_per_epoch(rows: Iterable[TrialRow]) -> Mapping[int, float]:
    """Return the seconds of an epoch of every trial that has one, by number."""
    return {row.number: row.duration_s / row.num_epochs for row in rows if row.num_epochs}
