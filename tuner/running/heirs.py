"""Trials that go on from others, in population based training: their settings and their start."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tuner.record.paths import RunPaths
from tuner.running.population import Takeover, copy_checkpoint, perturb
from tuner.running.recorder import Recorder
from tuner.running.scheduler import Scheduler
from tuner.search.constraints import Judge
from tuner.search.search import Search

_NUM_ATTEMPTS = 20


class Heirs:
    """Gives trials that take over another's place what they begin with.

    Args:
        search: the search.
        paths: the run's files.
        scheduler: knows who takes over from whom.
        recorder: takes the epoch that was inherited.
        judge: says how far a point is from keeping each constraint.
    """

    def __init__(
        self,
        search: Search,
        paths: RunPaths,
        scheduler: Scheduler,
        recorder: Recorder,
        judge: Judge,
    ) -> None:
        self._search = search
        self._paths = paths
        self._scheduler = scheduler
        self._recorder = recorder
        self._judge = judge

    def takeover(self, number: int) -> Takeover | None:
        """Return what the trial of this number takes over; None for one of its own."""
        return self._scheduler.takeover(number)

    def parents_from(self, number: int) -> set[str]:
        """Return from which trials those of this number and later ones are to go on."""
        return {one.parent for one in self._scheduler.takeovers_from(number)}

    def settings(self, number: int, parent: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of the trial of this number, near those of its parent.

        They are those of the parent where none near them keeps the constraints.
        """
        search = self._search
        for attempt in range(_NUM_ATTEMPTS):
            stream = np.random.default_rng([search.seed, number, attempt])
            near = perturb(search.space, dict(parent), search.spec.changeable, stream)
            if not any(self._judge(near)):
                return near
        return dict(parent)

    def inherit(
        self, heir: str, parent: str, metrics_at: Callable[[int], Mapping[str, float] | None]
    ) -> tuple[int, Mapping[str, float]] | None:
        """Let a trial begin where another one stands; return the epoch and what it reported.

        None where the parent has no checkpoint: the trial begins anew.
        """
        last, known = self._search.scheduler.max_epochs, lambda one: metrics_at(one) is not None
        epoch = copy_checkpoint(self._paths, parent, heir, last, known)
        metrics = None if epoch is None else metrics_at(epoch)
        if epoch is None or metrics is None:
            return None
        self._scheduler.inherit(heir, epoch, metrics)
        self._recorder.on_inherited(heir, parent, epoch, metrics)
        return epoch, metrics
