"""Which epochs of a trial were trained with which settings, where it went on from another trial."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.record.trial_rows import TrialRow


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Epochs that were trained with the same settings, as the trial of this number."""

    first: int
    last: int
    number: int
    params: Mapping[str, Any]


def lineage(rows: Sequence[TrialRow], row: TrialRow) -> list[Stretch]:
    """Return the stretches behind a trial, the first one first; one where it began anew."""
    by_trial = {one.trial: one for one in rows}
    stretches: list[Stretch] = []
    last, current = row.num_epochs, row
    while True:
        parent = by_trial.get(current.parent or "")
        first = current.curve[0].epoch + 1 if parent else 1
        if last >= first:
            stretch = Stretch(first=first, last=last, number=current.number, params=current.params)
            stretches.insert(0, stretch)
        if parent is None:
            return stretches
        last, current = first - 1, parent
