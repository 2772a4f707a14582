"""A Ray Tune searcher over an Optuna study, by ask and tell.

Ray's own OptunaSearch records stopped trials as complete, loses the last report of every trial
and leaves trials that end in NaN running for ever. Here every report reaches the study, and a
trial ends as COMPLETE, PRUNED or FAIL with its cause. Its value is its best so far, as everywhere;
what its epochs gave in themselves is kept beside it. The study is the only memory.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import TrialState
from ray.tune.search import Searcher

from models.training.ranking import Ranking
from tuner.record.outcomes import EPOCH, METRICS, Cause, Outcome, lost, outcome_of
from tuner.running.study import BEST_EPOCH, CAUSE, CURVE, LAST, MESSAGE, RAY_TRIAL
from tuner.running.trial_config import NUMBER, PARAMS

Suggest = Callable[[optuna.Trial], dict[str, Any]]
"""Draws the parameters of a trial, by name, as a config takes them."""
OnTrial = Callable[[str, int, Mapping[str, Any]], None]
"""Told of every new trial: Ray's id, the study's number, the parameters."""

_Curve = Mapping[int, Mapping[str, float]]
"""What a trial reported, by epoch."""

_LONGEST_MESSAGE = 500


class OptunaSearcher(Searcher):
    """Draws trials from a study and tells it what became of them.

    Args:
        study: where everything is recorded.
        suggest: the search space, as a function of an Optuna trial.
        metrics: the objectives. With more than one the study gets no curves, since Optuna refuses
            `report` there; its values are those of the best epoch.
        ranking: says which epoch of a trial is the best.
        rungs: the epochs at which the scheduler compares trials.
        on_trial: told of every new trial.
    """

    def __init__(
        self,
        study: optuna.Study,
        suggest: Suggest,
        metrics: Sequence[str],
        ranking: Ranking,
        *,
        rungs: Sequence[float] = (),
        on_trial: OnTrial = lambda trial_id, number, params: None,
    ) -> None:
        super().__init__()
        self._study = study
        self._suggest = suggest
        self._metrics = tuple(metrics)
        self._ranking = ranking
        self._rungs = tuple(rungs)
        self._on_trial = on_trial
        self._asked: dict[str, optuna.Trial] = {}
        self._curves: dict[str, dict[int, Mapping[str, float]]] = {}

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """Ask the study for the next trial and return its number and parameters."""
        trial = self._study.ask()
        params = self._suggest(trial)
        trial.set_user_attr(RAY_TRIAL, trial_id)
        self._asked[trial_id] = trial
        self._curves[trial_id] = {}
        self._on_trial(trial_id, trial.number, params)
        return {NUMBER: trial.number, PARAMS: params}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Report a trial's best value so far to the study."""
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
            self._tell(trial_id, outcome_of(result, self._rungs))

    def close(self, outcome: Outcome) -> None:
        """Tell the study that all trials without an end had this one, as the search is over."""
        for trial_id in list(self._asked):
            self.end(trial_id, outcome)

    def end(self, trial_id: str, outcome: Outcome) -> None:
        """Tell the study how a trial ended; what Ray says of it later is not told."""
        if trial_id in self._asked:
            self._tell(trial_id, outcome)

    def save(self, checkpoint_path: str) -> None:
        """Write nothing: the study is in its own storage, and ahead of any snapshot of Ray."""

    def restore(self, checkpoint_path: str) -> None:
        """Read nothing: `open_study` has already reconciled the study with the crash."""

    def _report(self, trial_id: str, result: Mapping[str, Any]) -> None:
        epoch = result.get(EPOCH)
        if epoch is None:
            return
        curve = self._curves[trial_id]
        repeated = epoch in curve  # a trial that goes on from a checkpoint repeats epochs
        for later in [known for known in curve if known >= epoch]:
            del curve[later]
        curve[epoch] = {**json.loads(result.get(METRICS, "{}")), **_finite(result, self._metrics)}
        if len(self._metrics) > 1 or repeated or not self._is_whole(curve[epoch]):
            return
        best = curve[self._best(curve)]
        self._asked[trial_id].report(best[self._ranking.metric], epoch)

    def _tell(self, trial_id: str, outcome: Outcome) -> None:
        trial, curve = self._asked.pop(trial_id), self._curves.pop(trial_id)
        whole = {epoch: found for epoch, found in curve.items() if self._is_whole(found)}
        self._describe(trial, whole)
        if outcome.state == "done" and curve and max(curve) in whole:
            best = whole[self._best(whole)]
            values = [best[metric] for metric in self._metrics]
            self._study.tell(trial, values, state=TrialState.COMPLETE)
        elif outcome.state == "stopped" and (whole or len(self._metrics) > 1):
            trial.set_user_attr(CAUSE, outcome.cause)
            self._study.tell(trial, state=TrialState.PRUNED)  # takes over the last report
        else:
            cause = Cause.NAN if outcome.state == "done" else outcome.cause
            trial.set_user_attr(CAUSE, cause or outcome.state)
            if outcome.message:
                trial.set_user_attr(MESSAGE, outcome.message[:_LONGEST_MESSAGE])
            self._study.tell(trial, state=TrialState.FAIL)

    def _describe(self, trial: optuna.Trial, curve: _Curve) -> None:
        """Keep what the epochs gave in themselves beside the best value."""
        if not curve:
            return
        trial.set_user_attr(BEST_EPOCH, self._best(curve))
        trial.set_user_attr(LAST, {metric: curve[max(curve)][metric] for metric in self._metrics})
        own = {metric: [found[metric] for found in curve.values()] for metric in self._metrics}
        trial.set_user_attr(CURVE, {EPOCH: list(curve), **own})

    def _best(self, curve: _Curve) -> int:
        return min(curve, key=lambda epoch: self._ranking.cost(curve[epoch], epoch))

    def _is_whole(self, metrics: Mapping[str, float]) -> bool:
        return len(_finite(metrics, self._metrics)) == len(self._metrics)


def _finite(metrics: Mapping[str, Any], names: Sequence[str]) -> dict[str, float]:
    """Return those of the named values that are finite numbers."""
    found = {name: metrics.get(name) for name in names}
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
