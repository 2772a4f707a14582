"""Population based training (Jaderberg et al. 2017): who gives up, and what takes its place.

A trial keeps its settings to its end, as in every search. One that stands among the last of its
population at a mark is stopped, and a new trial takes its place: it goes on from the checkpoint of
one of the first, with its settings changed a little. So the record says which epochs were trained
with which settings, and everything that is known of trials holds of these, too.
"""

import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.training.ranking import Cost
from tuner.record.paths import RunPaths
from tuner.record.trial_checkpoints import (
    CHECKPOINT_FILE,
    checkpoint_folder,
    checkpoint_folders,
)
from tuner.search.domains import Choice, ListOf, is_number
from tuner.search.space import Space

QUARTER = 0.25
"""The last quarter gives up for one of the first quarter."""
NUM_TO_COMPARE = 4
"""So many trials must have reached a mark before one of them gives up."""
_FACTORS = (0.8, 1.25)
_ANEW = 0.25
"""Chance that a changed key is drawn from its whole domain."""


@dataclass(frozen=True, kw_only=True)
class Takeover:
    """A new trial takes the place of `loser`, and goes on from `parent`."""

    loser: str
    parent: str


class Population:
    """The rule that stops trials: see `stopping_rules`.

    Args:
        marks: the epochs at which trials are compared, rising.
        num_takeovers: how many there may be, so that the budget's trials suffice.

    Attributes:
        takeovers: in order; the i-th is the i-th trial after the first population.
    """

    def __init__(self, marks: Sequence[float], num_takeovers: int) -> None:
        self._places: dict[int, dict[str, tuple[Any, ...]]] = {int(mark): {} for mark in marks}
        self._num_takeovers = num_takeovers
        self._epochs: dict[str, int] = {}
        self._gone: set[str] = set()
        self._losers: set[str] = set()
        self.takeovers: list[Takeover] = []

    def falls_behind(self, trial: str, epoch: int, cost: Cost) -> bool:
        """Enter a trial at a mark, and compare it there until the next one, as others come later.

        Where it gives up, what takes its place is noted, once: a driver with a smaller budget may
        have let it go on.
        """
        if epoch <= self._epochs.get(trial, 0):
            return False
        self._epochs[trial] = epoch
        if (places := self._places.get(epoch)) is not None:
            places[trial] = (*cost, len(places))
        reached = [places for places in self._places.values() if trial in places]
        if not reached or len(self.takeovers) >= self._num_takeovers or trial in self._losers:
            return False
        ranked = sorted(reached[-1], key=reached[-1].__getitem__)
        num = max(1, int(len(ranked) * QUARTER))
        parents = [one for one in ranked[:num] if one not in self._gone]
        if len(ranked) < NUM_TO_COMPARE or trial not in ranked[-num:] or not parents:
            return False
        parent = parents[len(self.takeovers) % len(parents)]
        self.takeovers.append(Takeover(loser=trial, parent=parent))
        self._gone.add(trial)
        self._losers.add(trial)
        return True

    def end(self, trial: str) -> None:
        """Take the end of a trial, from which no other can go on any more."""
        self._gone.add(trial)

    def go_on(self, trial: str) -> None:
        """Take a trial that ended and is to go on after all, unless it gave up."""
        if trial not in self._losers:
            self._gone.discard(trial)


def perturb(
    space: Space, values: dict[str, Any], changeable: Collection[str], stream: np.random.Generator
) -> dict[str, Any]:
    """Return a point near another one, which differs in keys that may change in mid-training.

    A number is multiplied by 0.8 or 1.25, or drawn anew with one chance of four, as a choice is.
    """
    near = dict(values)
    for parameter in space.parameters:
        key, domain = parameter.key, parameter.domain
        if key not in changeable or key not in values or isinstance(domain, ListOf):
            continue
        factor = _FACTORS[int(stream.integers(len(_FACTORS)))]
        anew = stream.random() < _ANEW
        other = domain.value_at(int(stream.integers(domain.num_values)))
        if anew or isinstance(domain, Choice) or not is_number(values[key]):
            near[key] = other
        else:
            near[key] = domain.nearest(values[key] * factor)
    return space.locate(space.complete(near))[0]


def copy_checkpoint(
    paths: RunPaths, parent: str, heir: str, before: int, is_known: Callable[[int], bool]
) -> int | None:
    """Copy the newest checkpoint of a trial that is whole, and return its epoch; None: none.

    Args:
        paths: the run's files.
        parent: whose.
        heir: the trial that goes on from it.
        before: only one of an earlier epoch than this has something left to train.
        is_known: whether an epoch was reported; a worker may have written one ahead of that.
    """
    found = checkpoint_folders(paths.trial_checkpoints(parent))
    for epoch in sorted(found, reverse=True):
        if epoch < before and is_known(epoch) and (found[epoch] / CHECKPOINT_FILE).is_file():
            place = paths.trial_checkpoints(heir) / checkpoint_folder(epoch)
            shutil.copytree(found[epoch], place, dirs_exist_ok=True)
            return epoch
    return None
