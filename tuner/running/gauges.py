"""The state of a search as gauges of `ray.util.metrics`, for Prometheus and Grafana.

Ray exports each as `ray_tuner_...`, tagged with the run: `cluster/grafana/tuner.json` draws
them.
"""

from collections import Counter, deque
from collections.abc import Mapping
from functools import partial
from typing import Any

from ray.util.metrics import Gauge

from tuner.record.outcomes import REMEDIES, Outcome
from tuner.record.trial_rows import TrialRow
from tuner.running.board import Board
from tuner.running.observer import Observer
from tuner.running.ray_session import num_slots
from tuner.search.search import Search

_INTERVAL_S = 2.0
_RATE_S = 60.0
"""Over this time epochs are counted for their rate."""
_HOUR_S = 3600.0
_GAUGES = {
    "tuner_best_value": "Best value of the objective so far.",
    "tuner_trials": "Trials by state.",
    "tuner_failures": "Failed trials by cause.",
    "tuner_epochs_per_s": "Epochs a second, over the last minute.",
    "tuner_epochs": "Epochs since the driver began.",
    "tuner_slots": "Trials that can run side by side.",
    "tuner_slots_busy": "Trials that run now.",
    "tuner_gpu_hours": "GPU-hours of all trials.",
    "tuner_queue": "Trials that have not begun.",
}
_STATES = ("running", "done", "stopped", "failed", "interrupted")


def gauges_of(search: Search, board: Board) -> "Gauges":
    """Return the gauges of a search that runs on the Ray that is connected."""
    return Gauges(board, partial(num_slots, search), search.resources.gpu, search.stem)


class Gauges(Observer):
    """Follows a search and sets its gauges.

    Args:
        board: of this observer's own.
        num_slots: how many trials run side by side, asked each time, as nodes come and go.
        gpus: GPUs of one trial.
        search: the search's name.
    """

    def __init__(self, board: Board, num_slots: Any, gpus: float, search: str) -> None:
        self._board = board
        self._num_slots = num_slots
        self._gpus = gpus
        self._epochs: deque[float] = deque()
        self._num_epochs = 0
        # A cause that has not happened is 0, so that nobody takes it for one that is not counted.
        self._causes = Counter({str(cause): 0 for cause in REMEDIES})
        self._due = 0.0
        tags = {"run": board.run, "search": search, "metric": board.metric}
        self._gauges = {}
        for name, words in _GAUGES.items():
            more = {"tuner_trials": ("state",), "tuner_failures": ("cause",)}.get(name, ())
            gauge = Gauge(name, description=words, tag_keys=(*tags, *more))
            self._gauges[name] = gauge.set_default_tags(tags)

    def recall(self, row: TrialRow, *, ended: bool) -> None:
        """Take a trial of a driver before."""
        self._board.recall(row, ended=ended)
        if ended and row.state == "failed":
            self._causes[row.cause or "error"] += 1

    def created(self, trial: str, number: int, params: Mapping[str, Any]) -> None:
        """Take a new trial."""
        self._board.created(trial, number, params)

    def started(self, trial: str) -> None:
        """Take a trial that began to run."""
        self._board.started(trial)

    def reported(
        self, trial: str, epoch: int, metrics: Mapping[str, float], checkpoint: str | None
    ) -> None:
        """Take an epoch."""
        self._board.reported(trial, epoch, metrics)
        self._epochs.append(self._board.clock())
        self._num_epochs += 1

    def ended(self, trial: str, outcome: Outcome) -> None:
        """Take the end of a trial."""
        self._board.ended(trial, outcome)
        if outcome.state == "failed":
            self._causes[outcome.cause or "error"] += 1
        self._due = 0.0

    def tick(self) -> None:
        """Set the gauges, every few seconds."""
        now = self._board.clock()
        if now < self._due:
            return
        self._due = now + _INTERVAL_S
        for name, value in self.values().items():
            self._gauges[name].set(value)
        for state in _STATES:
            self._gauges["tuner_trials"].set(self._board.num_in_state(state), {"state": state})
        for cause, count in self._causes.items():
            self._gauges["tuner_failures"].set(count, {"cause": cause})

    def values(self) -> dict[str, float]:
        """Return the gauges that have no tags but the run's."""
        board, now = self._board, self._board.clock()
        while self._epochs and self._epochs[0] < now - _RATE_S:
            self._epochs.popleft()
        passed = min(_RATE_S, max(1.0, board.elapsed_s - board.earlier_s))
        running = board.num_in_state("running")
        values = {
            "tuner_epochs_per_s": len(self._epochs) / passed,
            "tuner_epochs": self._num_epochs,
            "tuner_slots": self._num_slots(),
            "tuner_slots_busy": running,
            "tuner_gpu_hours": board.trained_s * self._gpus / _HOUR_S,
            "tuner_queue": board.num_trials - board.num_ended - running,
        }
        best = board.best
        if best is not None and best.best is not None:
            values["tuner_best_value"] = best.best
        return values
