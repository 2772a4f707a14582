"""A Ray Tune searcher over an Optuna study, by ask and tell.

Ray's own OptunaSearch records stopped trials as complete, loses the last report of every trial
and leaves trials that end in NaN running for ever. Here every report reaches the study, and a
trial ends as COMPLETE, PRUNED with its last value, or FAIL with its cause. The study is the only
memory.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import TrialState
from ray.tune.search import Searcher

from tuner.outcomes import EPOCH, Outcome, lost, outcome_of
from tuner.study import CAUSE, MESSAGE, RAY_TRIAL
from tuner.trial_config import NUMBER, PARAMS

Suggest = Callable[[optuna.Trial], dict[str, Any]]
"""Draws the parameters of a trial, by name, as a config takes them."""
OnTrial = Callable[[str, int, Mapping[str, Any]], None]
"""Told of every new trial: Ray's id, the study's number, the parameters."""

_LONGEST_MESSAGE = 500


class OptunaSearcher(Searcher):
    """Draws trials from a study and tells it what became of them.

    Args:
        study: where everything is recorded.
        suggest: the search space, as a function of an Optuna trial.
        metrics: the objectives. With more than one the study gets no curves, since Optuna refuses
            `report` there.
        rungs: the epochs at which the scheduler compares trials.
        on_trial: told of every new trial.
    """

    def __init__(
        self,
        study: optuna.Study,
        suggest: Suggest,
        metrics: Sequence[str],
        *,
        rungs: Sequence[float] = (),
        on_trial: OnTrial = lambda trial_id, number, params: None,
    ) -> None:
        super().__init__()
        self._study = study
        self._suggest = suggest
        self._metrics = tuple(metrics)
        self._rungs = tuple(rungs)
        self._on_trial = on_trial
        self._asked: dict[str, optuna.Trial] = {}
        self._steps: dict[str, set[int]] = {}

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """Ask the study for the next trial and return its number and parameters."""
        trial = self._study.ask()
        params = self._suggest(trial)
        trial.set_user_attr(RAY_TRIAL, trial_id)
        self._asked[trial_id] = trial
        self._steps[trial_id] = set()
        self._on_trial(trial_id, trial.number, params)
        return {NUMBER: trial.number, PARAMS: params}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Report an epoch's value to the study."""
        if trial_id in self._asked:
            self._report(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell the study how a trial ended; Ray hands over its last result only here."""
        if trial_id not in self._asked:
            return
        if error:
            self._tell(trial_id, lost("its worker died"))
        elif not result:
            self._tell(trial_id, Outcome(state="interrupted"))
        else:
            self._report(trial_id, result)
            self._tell(trial_id, outcome_of(result, self._rungs), result)

    def close(self, outcome: Outcome) -> None:
        """Tell the study that all trials without an end had this one, as the search is over."""
        for trial_id in list(self._asked):
            self._tell(trial_id, outcome)

    def save(self, checkpoint_path: str) -> None:
        """Write nothing: the study is in its own storage, and ahead of any snapshot of Ray."""

    def restore(self, checkpoint_path: str) -> None:
        """Read nothing: `open_study` has already reconciled the study with the crash."""

    def _report(self, trial_id: str, result: Mapping[str, Any]) -> None:
        value, step = _number(result, self._metrics[0]), result.get(EPOCH)
        if len(self._metrics) > 1 or step is None or value is None:
            return
        if step not in self._steps[trial_id]:  # a resumed trial repeats epochs
            self._steps[trial_id].add(step)
            self._asked[trial_id].report(value, step)

    def _tell(
        self, trial_id: str, outcome: Outcome, result: Mapping[str, Any] | None = None
    ) -> None:
        trial = self._asked.pop(trial_id)
        reported = bool(self._steps.pop(trial_id))
        found = [_number(result or {}, metric) for metric in self._metrics]
        values = [value for value in found if value is not None]
        if outcome.state == "done" and len(values) == len(found):
            self._study.tell(trial, values, state=TrialState.COMPLETE)
        elif outcome.state == "stopped" and (reported or len(self._metrics) > 1):
            trial.set_user_attr(CAUSE, outcome.cause)
            self._study.tell(trial, state=TrialState.PRUNED)  # takes over the last report
        else:
            cause = "nan" if outcome.state == "done" else outcome.cause
            trial.set_user_attr(CAUSE, cause or outcome.state)
            if outcome.message:
                trial.set_user_attr(MESSAGE, outcome.message[:_LONGEST_MESSAGE])
            self._study.tell(trial, state=TrialState.FAIL)


def _number(result: Mapping[str, Any], metric: str) -> float | None:
    """Return a finite value of the result, or None."""
    value = result.get(metric)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
