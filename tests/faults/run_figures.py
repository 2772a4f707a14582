"""What the record of a run that was killed over and over says of it, counted.

For searches of the fake model with ASHA, whose every value follows from its settings.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.record.events import Event, TrialCreated, TrialEnded, TrialReported, read_events
from tuner.record.paths import RunPaths
from tuner.record.results import read_environment, read_run
from tuner.record.trial_rows import TrialRow
from tuner.running.study import build_sampler, open_storage, open_study
from tuner.running.study_place import known_place

RUNG, MAX_EPOCHS = 3, 9


@dataclass(kw_only=True)
class Figures:
    """What a run, or all of them, came to; those from `lost` on have a bar.

    Attributes:
        trials: how many were drawn.
        failed: those that lost their workers once too often, which ends a trial.
        lost: trials that neither ended nor go on, or were never drawn.
        twice: configurations under two numbers, trials with two numbers or two ends.
        open: rows of the study that are not settled, or say other epochs than the log.
        curves: epochs that are missing, recorded twice, or have the value of another epoch.
        again: epochs that were reported again.
        repeated: the most epochs that one kill made a trial report again.
        left: processes that live half a minute after their driver, or node.
        doctor: runs of which `tuner doctor --check` has something to say.
        errors: searches that ended by themselves and not well.
    """

    kills: int = 0
    trials: int = 0
    failed: int = 0
    lost: int = 0
    twice: int = 0
    open: int = 0
    curves: int = 0
    again: int = 0
    repeated: int = 0
    left: int = 0
    doctor: int = 0
    errors: int = 0

    def add(self, other: "Figures") -> None:
        for name, value in vars(other).items():
            mine = getattr(self, name)
            setattr(self, name, max(mine, value) if name == "repeated" else mine + value)

    @property
    def is_good(self) -> bool:
        barred = (
            self.lost,
            self.twice,
            self.open,
            self.curves,
            self.left,
            self.doctor,
            self.errors,
        )
        return not any(barred) and self.repeated <= 1 and self.again <= 2 * self.kills


def figures(paths: RunPaths, num_trials: int) -> Figures:
    """Return what the record of a run that has ended says."""
    run, events = read_run(paths), read_events(paths.events_file)
    ended = [row for row in run.rows if row.state in ("done", "stopped", "failed")]
    found = Figures(trials=len(run.rows), lost=num_trials - len(ended))
    found.failed = sum(row.state == "failed" for row in run.rows)
    drawn = [event for event in events if isinstance(event, TrialCreated)]
    params = [tuple(sorted(row.params.items())) for row in run.rows]
    found.twice = 3 * len(drawn) - sum(
        len(set(each)) for each in (params, [e.number for e in drawn], [e.trial for e in drawn])
    )
    ends = [e.trial for e in events if isinstance(e, TrialEnded) and e.state != "interrupted"]
    found.twice += len(ends) - len(set(ends))
    for row in run.rows:
        epochs = [point.epoch for point in row.curve]
        wanted = list(range(1, _num_epochs(row) + 1))
        if row.state == "failed":
            print(f"trial {row.number}, {row.num_starts} starts: {row.cause}: {row.message}")
        values = [point.metrics["val/score"] for point in row.curve]
        scores = [_score(row.params, epoch) for epoch in epochs]
        if epochs != wanted or values != scores:
            print(f"trial {row.number}, {row.cause}: {epochs}, {values} for {scores}")
            found.curves += 1
    found.open = _num_open(paths, {row.number: row.num_epochs for row in run.rows})
    repeats = _repeats(events)
    found.again, found.repeated = sum(repeats), max(repeats, default=0)
    return found


def _num_epochs(row: TrialRow) -> int:
    """Return how many epochs a trial has that ended as it did."""
    if row.cause == "epochs":
        return MAX_EPOCHS
    return RUNG if row.state == "stopped" else row.num_epochs


def _score(params: Mapping[str, Any], epoch: int) -> float:
    """Return the value of an epoch of the fake model that was trained once."""
    peak = params["peak"] or epoch
    return params["lr"] * (peak / (1 + epoch - peak) if epoch > peak else epoch)


def _num_open(paths: RunPaths, num_epochs: Mapping[int, int]) -> int:
    """Return how many rows of the study are not settled, or have not the epochs of the log."""
    place = known_place(paths, read_environment(paths.environment_file), None)
    sampler = build_sampler("random", seed=0)
    study = open_study(open_storage(place.location), place.name, ["max"], sampler)
    wanted = {number: list(range(1, last + 1)) for number, last in num_epochs.items()}
    found = {
        row.number: sorted(row.intermediate_values)
        for row in study.trials
        if row.state.is_finished()
    }
    differing = sum(found[number] != wanted.get(number) for number in found)
    return len(study.trials) - len(found) + differing


def _repeats(events: Sequence[Event]) -> list[int]:
    """Return how many epochs were reported again, each time that some were."""
    last, found = Counter[str](), []
    for event in events:
        if isinstance(event, TrialReported):
            found.append(last[event.trial] + 1 - event.epoch)
            last[event.trial] = event.epoch
    return [count for count in found if count > 0]
