"""The rules by which trials are stopped early. They know no Ray: a rule is told every epoch.

A trial stands where its best epoch so far stands; equal values are told apart by the metric that
the model declares for it (`ModelSpec.early_metric`), and what is equal in that, too, by who came
first. So of trials that have all learned nothing yet as many are stopped as of any others.

What a rule decides depends on what it was told before, in order, and on nothing else: a driver
that goes on with a run tells it the reports of the record again.
"""

import math
from collections.abc import Collection, Sequence
from typing import Protocol, TypeAlias

from models.training.ranking import Cost

_Place: TypeAlias = tuple[float, ...]
"""Where a trial stands at a rung: its cost, and how many came before it."""

NUM_FOR_MEDIAN = 3
"""So many trials must have reached an epoch before the median rule compares another with them."""


class Rule(Protocol):
    """Says which trials are stopped."""

    def falls_behind(self, trial: str, epoch: int, cost: Cost) -> bool:
        """Take an epoch of a trial with the cost of its best one so far; True stops the trial.

        A trial that reports an epoch again is not compared again.
        """
        ...


class Halving:
    """Asynchronous successive halving (Li et al. 2020, ASHA), the variant that stops trials.

    Args:
        rungs: the epochs at which trials are compared, rising.
        factor: the best `1 / factor` of those at a rung go on. The first one there always does.
    """

    def __init__(self, rungs: Sequence[float], factor: float) -> None:
        self._rungs: list[tuple[float, dict[str, _Place]]] = [(rung, {}) for rung in rungs]
        self._share = 1 / factor

    def falls_behind(self, trial: str, epoch: int, cost: Cost) -> bool:
        """Compare a trial at the highest rung that it reached."""
        for rung, places in reversed(self._rungs):
            if epoch >= rung and trial not in places:
                return _enter(places, trial, cost, self._share)
        return False


class Hyperband:
    """Asynchronous Hyperband (Li et al. 2018, section 3): several halvings side by side.

    The first stops at every rung, the second from the second rung on, and so on; the last stops
    none. Trials are dealt out as they come in. So a rung that misjudges slow learners costs a part
    of the trials only.

    Args:
        brackets: the rungs of each, with its share of all trials.
        factor: of the halvings.
    """

    def __init__(self, brackets: Sequence[tuple[Sequence[float], float]], factor: float) -> None:
        self._brackets = [Halving(rungs, factor) for rungs, _ in brackets]
        self._shares = [share for _, share in brackets]
        self._counts = [0] * len(brackets)
        self._bracket_of: dict[str, Halving] = {}

    def falls_behind(self, trial: str, epoch: int, cost: Cost) -> bool:
        """Compare a trial with those of its bracket."""
        if trial not in self._bracket_of:
            self._bracket_of[trial] = self._brackets[self._deal()]
        return self._bracket_of[trial].falls_behind(trial, epoch, cost)

    def _deal(self) -> int:
        """Return the bracket that is furthest behind its share."""
        dealt = len(self._bracket_of) + 1
        behind = [
            share * dealt - count for share, count in zip(self._shares, self._counts, strict=True)
        ]
        chosen = behind.index(max(behind))
        self._counts[chosen] += 1
        return chosen


class Median:
    """The median rule (Golovin et al. 2017, section 3.2.1), by best values at the same epoch.

    Args:
        grace_epochs: so many epochs every trial gets.
    """

    def __init__(self, grace_epochs: int) -> None:
        self._grace_epochs = grace_epochs
        self._epochs: dict[int, dict[str, _Place]] = {}

    def falls_behind(self, trial: str, epoch: int, cost: Cost) -> bool:
        """Compare a trial with the median of those that reached the epoch."""
        places = self._epochs.setdefault(epoch, {})
        if epoch < self._grace_epochs or trial in places:
            return False
        enough = len(places) >= NUM_FOR_MEDIAN
        return _enter(places, trial, cost, 1 / 2) and enough


def _enter(places: dict[str, _Place], trial: str, cost: Cost, share: float) -> bool:
    """Enter a trial among others; return whether it is not among the best share of them."""
    place = (*cost, len(places))
    behind = bool(places) and _is_behind(place, places.values(), share)
    places[trial] = place
    return behind


def _is_behind(own: _Place, others: Collection[_Place], share: float) -> bool:
    """Return whether a trial is worse than the quantile that bounds the best share of others.

    The quantile lies between two trials as a rule, and is interpolated.
    """
    ranked = sorted(others)
    position = (len(ranked) - 1) * share
    better, worse = ranked[math.floor(position)], ranked[math.ceil(position)]
    for mine, low, high in zip(own, better, worse, strict=True):
        cutoff = low if low == high else low + (position % 1) * (high - low)
        if mine != cutoff:
            return mine > cutoff
    return True
