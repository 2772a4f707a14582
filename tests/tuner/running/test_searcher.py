import json
import math

import pytest
from optuna.trial import TrialState

from models.training.ranking import Ranking
from tuner.record.outcomes import Outcome
from tuner.record.trial_rows import EpochPoint, TrialRow
from tuner.running.drawing import PointDrawer
from tuner.running.population import Takeover
from tuner.running.searcher import OptunaSearcher
from tuner.running.study import (
    BEST_EPOCH,
    CAUSE,
    CURVE,
    LAST,
    MESSAGE,
    RAY_TRIAL,
    build_sampler,
    open_storage,
    open_study,
)
from tuner.search.domains import FloatRange
from tuner.search.space import Parameter, Space

METRIC = "val/acc"
LR = Parameter(key="lr", domain=FloatRange(low=0.0, high=1.0))
SPACE = Space(parameters=(LR,), preset={"lr": 0.5})


class Script:
    """Plays the part of Ray: asks for trials and reports what became of them."""

    def __init__(self, journal, metrics=(METRIC,), rungs=(1.0, 3.0), directions=("max",)):
        sampler = build_sampler("random", seed=0)
        self.study = open_study(open_storage(journal), "run", directions, sampler)
        self.created = []
        self.searcher = OptunaSearcher(
            self.study,
            PointDrawer(self.study, sampler, SPACE, seed=0),
            SPACE,
            metrics,
            Ranking(metric=metrics[0], mode=directions[0], secondary="val/elbo"),
            rungs=rungs,
            on_trial=lambda *told: self.created.append(told),
        )

    def run(self, trial_id, values, finished=None, **last):
        """Report all values as Ray does: the last one arrives with the completion only."""
        self.searcher.suggest(trial_id)
        results = [{METRIC: value, "epoch": epoch} for epoch, value in enumerate(values, 1)]
        results[-1] |= {"finished": finished, **last}
        for result in results[:-1]:
            self.searcher.on_trial_result(trial_id, result)
        self.searcher.on_trial_complete(trial_id=trial_id, result=results[-1])

    @property
    def rows(self):
        return self.study.trials


@pytest.fixture
def script(tmp_path):
    return Script(tmp_path / "study.journal")


def test_a_completed_trial_has_its_best_value_and_every_report_beside_it(script):
    script.run("a", [0.1, 0.4, 0.3], finished="epochs")
    row = script.rows[0]
    assert (row.state, row.value) == (TrialState.COMPLETE, 0.4)
    assert row.intermediate_values == {1: 0.1, 2: 0.4, 3: 0.4}
    assert row.user_attrs[RAY_TRIAL] == "a"
    assert row.user_attrs[BEST_EPOCH] == 2
    assert row.user_attrs[LAST] == {METRIC: 0.3}
    assert row.user_attrs[CURVE] == {"epoch": [1, 2, 3], METRIC: [0.1, 0.4, 0.3]}


@pytest.mark.parametrize(("finished", "state"), [("epochs", "COMPLETE"), (None, "PRUNED")])
@pytest.mark.parametrize(
    ("mode", "best", "so_far"),
    [("max", 0.4, [0.2, 0.4, 0.4, 0.4]), ("min", 0.1, [0.2, 0.2, 0.1, 0.1])],
)
def test_the_value_is_the_best_so_far(tmp_path, mode, best, so_far, finished, state):
    script = Script(tmp_path / "study.journal", directions=(mode,))
    script.run("a", [0.2, 0.4, 0.1, 0.3], finished=finished)
    row = script.rows[0]
    assert (row.state.name, row.value) == (state, best)
    assert list(row.intermediate_values.values()) == so_far
    assert row.user_attrs[LAST] == {METRIC: 0.3}
    if state == "COMPLETE":
        assert script.study.best_value == best


def test_the_study_seeks_the_mode_of_the_objective(tmp_path):
    for mode, best in [("max", 0.5), ("min", 0.1)]:
        script = Script(tmp_path / f"{mode}.journal", directions=(mode,))
        for number, value in enumerate([0.3, 0.1, 0.5]):
            script.run(f"t{number}", [value], finished="epochs")
        assert script.study.best_value == best


def test_of_equal_values_the_secondary_metric_decides_which_epoch_is_the_best(script):
    script.searcher.suggest("a")
    for epoch, elbo in enumerate([-19.8, -13.5, -14.0], 1):
        metrics = json.dumps({METRIC: 0.0, "val/elbo": elbo})
        script.searcher.on_trial_result("a", {METRIC: 0.0, "epoch": epoch, "metrics": metrics})
    script.searcher.close(Outcome(state="stopped", cause="budget"))
    assert script.rows[0].user_attrs[BEST_EPOCH] == 2


def test_early_stopping_is_an_end_by_itself(script):
    script.run("a", [0.1, 0.4], finished="early_stop")
    assert script.rows[0].state is TrialState.COMPLETE


def test_a_stopped_trial_is_pruned_with_its_last_value_and_rung(script):
    script.run("a", [0.1, 0.2, 0.25])
    row = script.rows[0]
    assert (row.state, row.value) == (TrialState.PRUNED, 0.25)
    assert row.intermediate_values[3] == 0.25
    assert row.user_attrs[CAUSE] == "rung 2"


def test_a_trial_stopped_at_its_first_report_has_a_curve(script):
    script.run("a", [0.1])
    assert script.rows[0].intermediate_values == {1: 0.1}


@pytest.mark.parametrize("cause", ["nan", "oom", "error", "disk"])
def test_a_failed_trial_has_its_cause_and_message(script, cause):
    script.searcher.suggest("a")
    script.searcher.on_trial_result("a", {METRIC: 0.1, "epoch": 1})
    script.searcher.on_trial_complete(
        trial_id="a", result={METRIC: math.nan, "finished": cause, "message": "ValueError: no"}
    )
    row = script.rows[0]
    assert row.state is TrialState.FAIL
    assert row.user_attrs[CAUSE] == cause
    assert row.user_attrs[MESSAGE] == "ValueError: no"
    assert row.intermediate_values == {1: 0.1}


def test_a_lost_worker_is_a_failure(script):
    script.searcher.suggest("a")
    script.searcher.on_trial_complete(trial_id="a", error=True)
    assert script.rows[0].state is TrialState.FAIL
    assert script.rows[0].user_attrs[CAUSE] == "lost"


def test_nan_never_reaches_the_study(script):
    script.run("a", [math.nan, 0.2, math.nan], finished="epochs")
    row = script.rows[0]
    assert row.state is TrialState.FAIL
    assert row.user_attrs[CAUSE] == "nan"
    assert row.intermediate_values == {2: 0.2}
    assert row.user_attrs[CURVE] == {"epoch": [2], METRIC: [0.2]}


def test_a_resumed_trial_may_repeat_epochs(script):
    script.searcher.suggest("a")
    for epoch, value in [(1, 0.1), (2, 0.2), (2, 0.2), (3, 0.3)]:
        script.searcher.on_trial_result("a", {METRIC: value, "epoch": epoch})
    script.searcher.on_trial_complete(
        trial_id="a", result={METRIC: 0.3, "epoch": 3, "finished": "epochs"}
    )
    assert script.rows[0].intermediate_values == {1: 0.1, 2: 0.2, 3: 0.3}
    assert script.rows[0].user_attrs[CURVE]["epoch"] == [1, 2, 3]


def test_the_recorder_hears_of_every_new_trial(script):
    params = [script.searcher.suggest(name) for name in "ab"]
    assert script.created == [("a", 0, params[0]["params"], ()), ("b", 1, params[1]["params"], ())]
    assert [drawn["number"] for drawn in params] == [0, 1]


@pytest.mark.parametrize(
    ("outcome", "state", "cause"),
    [
        (Outcome(state="interrupted"), TrialState.FAIL, "interrupted"),
        (Outcome(state="stopped", cause="budget"), TrialState.PRUNED, "budget"),
    ],
)
def test_closing_leaves_no_row_running(script, outcome, state, cause):
    script.searcher.suggest("a")
    script.searcher.on_trial_result("a", {METRIC: 0.1, "epoch": 1})
    script.searcher.close(outcome)
    assert script.rows[0].state is state
    assert script.rows[0].user_attrs[CAUSE] == cause


def test_a_trial_without_a_report_is_not_pruned(script):
    script.searcher.suggest("a")
    script.searcher.close(Outcome(state="stopped", cause="budget"))
    assert script.rows[0].state is TrialState.FAIL


def test_a_new_searcher_goes_on_where_a_crash_left_the_study(tmp_path, script):
    script.run("a", [0.5], finished="epochs")
    script.searcher.suggest("b")

    again = Script(tmp_path / "study.journal")
    again.run("c", [0.6], finished="epochs")

    assert [row.state for row in again.rows] == [
        TrialState.COMPLETE,
        TrialState.RUNNING,  # for `take_over`
        TrialState.COMPLETE,
    ]
    assert again.created[0][1] == 2


def test_save_and_restore_leave_the_study_alone(tmp_path, script):
    script.run("a", [0.5], finished="epochs")
    script.searcher.save(str(tmp_path / "state"))
    script.searcher.restore(str(tmp_path / "state"))
    assert [row.value for row in script.rows] == [0.5]


def test_several_objectives_are_told_without_curves(tmp_path):
    script = Script(
        tmp_path / "study.journal", metrics=(METRIC, "val/kl"), directions=("max", "min")
    )
    script.run("a", [0.1, 0.2], finished="epochs", **{"val/kl": 3.0})
    script.run("b", [0.1, 0.2], **{"val/kl": 3.0})
    assert script.rows[0].values == [0.2, 3.0]
    assert [row.state for row in script.rows] == [TrialState.COMPLETE, TrialState.PRUNED]


def test_several_objectives_are_those_of_the_best_epoch_by_the_first(tmp_path):
    script = Script(
        tmp_path / "study.journal", metrics=(METRIC, "val/kl"), directions=("max", "min")
    )
    script.searcher.suggest("a")
    for epoch, (acc, kl) in enumerate([(0.1, 1.0), (0.9, 3.0), (0.5, 2.0)], 1):
        result = {METRIC: acc, "val/kl": kl, "epoch": epoch}
        if epoch < 3:
            script.searcher.on_trial_result("a", result)
    script.searcher.on_trial_complete("a", {**result, "finished": "epochs"})
    row = script.rows[0]
    assert row.values == [0.9, 3.0]
    assert (row.user_attrs[BEST_EPOCH], row.user_attrs[LAST]) == (2, {METRIC: 0.5, "val/kl": 2.0})


class HeirOfA:
    """Lets the third trial go on from the first one."""

    def takeover(self, number):
        return Takeover(loser="b", parent="a") if number == 2 else None

    def parents_from(self, number):
        return {"a"} if number <= 2 else set()

    def settings(self, number, parent):
        return {"lr": parent["lr"] / 2}

    def inherit(self, heir, parent, metrics_at):
        return 2, metrics_at(2)


@pytest.mark.parametrize("ended", [True, False])
def test_a_trial_goes_on_from_its_parent_though_that_ended_before_its_turn(script, ended):
    script.searcher._heirs = HeirOfA()
    first = script.searcher.suggest("a")
    for epoch in (1, 2):
        script.searcher.on_trial_result("a", {METRIC: epoch / 10, "epoch": epoch})
    script.run("b", [0.05])
    if ended:
        script.searcher.on_trial_complete("a", {METRIC: 0.3, "epoch": 3, "finished": "epochs"})
    heir = script.searcher.suggest("c")
    assert heir["params"] == {"lr": first["params"]["lr"] / 2}
    assert (heir["reached"], script.rows[2].intermediate_values) == (2, {2: 0.2})


def recorded(name, number, params, num_epochs, **told):
    curve = tuple(
        EpochPoint(epoch=epoch, metrics={METRIC: epoch / 10}, time=0.0)
        for epoch in range(1, num_epochs + 1)
    )
    return TrialRow(trial=name, number=number, params=params, created=0.0, curve=curve, **told)


@pytest.mark.parametrize(
    ("cause", "was_drawn", "reached"),
    [("epochs", False, 2), ("lost", False, 2), ("nan", False, 0), ("epochs", True, 2)],
)
def test_after_a_resume_a_trial_goes_on_from_a_parent_that_had_ended(
    tmp_path, script, cause, was_drawn, reached
):
    """It may have been drawn, too, by a driver that ended before it had the checkpoint."""
    script.searcher._heirs = HeirOfA()
    params = [script.searcher.suggest("a")["params"], script.searcher.suggest("b")["params"]]
    state = "done" if cause == "epochs" else "failed"
    ended = [
        recorded("a", 0, params[0], 3, state=state, cause=cause),
        recorded("b", 1, params[1], 1, state="stopped", cause="rung 1"),
    ]
    unborn = []
    if was_drawn:
        script.searcher._inherit = lambda *told: 0
        params.append(script.searcher.suggest("c")["params"])
        unborn = [recorded("c", 2, params[2], 0, state="interrupted")]
    again = Script(tmp_path / "study.journal")
    again.searcher._heirs = HeirOfA()
    again.searcher.take_over(unborn, ended)
    assert again.searcher.parents_to_come == {"a"}
    heir = again.searcher.go_on("c") if was_drawn else again.searcher.suggest("c")
    assert (heir["params"]["lr"] == params[0]["lr"] / 2) == (reached == 2)
    assert (heir["reached"], again.searcher.parents_to_come) == (reached, set())


def test_a_trial_whose_settings_are_not_those_of_an_heir_begins_anew(tmp_path, script):
    params = [script.searcher.suggest(name)["params"] for name in "abc"]
    again = Script(tmp_path / "study.journal")
    again.searcher._heirs = HeirOfA()
    ended = [recorded("a", 0, params[0], 3, state="done", cause="epochs")]
    again.searcher.take_over([recorded("c", 2, params[2], 0, state="interrupted")], ended)
    assert again.searcher.go_on("c")["reached"] == 0
