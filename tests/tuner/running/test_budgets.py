"""Which part of a budget ends a search, in one go and after a resume."""

import io

import pytest

from tuner.cli import main
from tuner.record.events import EventLog
from tuner.record.outcomes import Outcome
from tuner.record.past import Past, past_of
from tuner.record.paths import RunPaths
from tuner.record.results import read_run
from tuner.running.budgets import Budgets
from tuner.running.runner import RunOptions, run_search
from tuner.running.stopping import SearchStop

BOTH = "objective=[{metric: val/score}, {metric: val/cost}]"
DONE = Outcome(state="done", cause="epochs")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def watch(search, past=None, clock=None):
    stop = SearchStop()
    return Budgets(search, stop, past or Past(), clock or Clock()), stop


def report(budgets, value, cost=1.0, trial="t"):
    budgets.reported(trial, 1, {"val/score": value, "val/cost": cost}, None)


def test_a_search_without_further_budgets_goes_on(make_search):
    budgets, stop = watch(make_search())
    for _ in range(50):
        report(budgets, 0.0)
        budgets.ended("t", DONE)
    assert not stop.is_over()


@pytest.mark.parametrize(
    ("objective", "values", "reached"),
    [
        ("{metric: val/score}", [0.4, 0.49, 0.5], [False, False, True]),
        ("{metric: val/cost}", [0.6, float("nan"), 0.5], [False, False, True]),
    ],
)
def test_a_target_is_reached_by_any_trial(make_search, objective, values, reached):
    search = make_search(f"objective={objective}", "budget.target=0.5")
    budgets, stop = watch(search)
    for value, over in zip(values, reached, strict=True):
        budgets.reported("t", 1, {search.objective.metric: value}, None)
        assert stop.is_over() == over
    assert stop.reason == "budget"
    assert stop.said == f"its target is reached: {search.objective.metric} 0.5"


def test_trials_without_an_improvement_end_it_and_one_starts_the_count_anew(make_search):
    budgets, stop = watch(make_search("budget.no_improvement=3"))
    for number, value in enumerate([0.0, 0.0, 0.0, 0.2, 0.2, 0.1]):
        report(budgets, value, trial=f"t{number}")
        budgets.ended(f"t{number}", DONE)  # the last two ended in vain, as two of the first three
        assert not stop.is_over()
    budgets.ended("cut off", Outcome(state="interrupted"))
    assert not stop.is_over()
    budgets.ended("failed", Outcome(state="failed", cause="nan"))
    assert stop.is_over()
    assert stop.said == "3 trials ended without an improvement of val/score"


def test_with_several_objectives_the_front_has_to_move(make_search):
    budgets, stop = watch(make_search(BOTH, "budget.no_improvement=2"))
    points = [(0.5, 0.5), (0.4, 0.4), (0.6, 0.9), (0.5, 0.5), (0.3, 0.3), (0.4, 0.5)]
    for number, (value, cost) in enumerate(points):
        report(budgets, value, cost, trial=f"t{number}")
        budgets.ended(f"t{number}", DONE)
    assert not stop.is_over()
    report(budgets, 0.29, 0.3, trial="t9")
    budgets.ended("t9", DONE)
    assert stop.said == "2 trials ended without an improvement of the Pareto front"


def test_hours_of_gpus_are_those_of_running_trials_by_their_share(make_search):
    clock = Clock()
    search = make_search("resources.gpu=0.25", "budget.gpu_hours=1")
    budgets, stop = watch(search, clock=clock)
    for trial in ("a", "b"):
        budgets.started(trial)
    clock.now = 3600.0
    budgets.ended("a", DONE)
    budgets.started("b")  # it lost its worker
    clock.now = 3 * 3600.0 - 1
    budgets.tick()
    assert not stop.is_over()
    clock.now = 3 * 3600.0
    budgets.tick()
    assert stop.said == "the budget of 1 GPU-hours is spent"


def recorded(tmp_path, trials):
    """Return the past of trials, each a list of values and the state of its end."""
    clock = Clock()
    with EventLog(tmp_path / "events.jsonl", clock=clock, ticks=clock) as log:
        log.run("running")
        for number, (values, state) in enumerate(trials):
            log.trial(f"t{number}", number, {"lr": 0.5})
            log.start(f"t{number}")
            for epoch, value in enumerate(values, 1):
                clock.now += 1800.0
                log.report(f"t{number}", epoch, {"val/score": value, "val/cost": 1.0})
            log.end(f"t{number}", state, "epochs" if state == "done" else None)
    from tuner.record.events import read_events

    return past_of(read_events(tmp_path / "events.jsonl"), tmp_path)


@pytest.mark.parametrize(
    ("changes", "words", "more"),
    [
        (["budget.no_improvement=2"], "2 trials ended", "--no_improvement 4"),
        (["budget.target=0.4"], "target is reached: val/score 0.5", "--target VALUE"),
        (["budget.gpu_hours=2", "resources.gpu=1"], "of 2 GPU-hours", "--gpu_hours 5"),
        (["budget.no_improvement=3"], None, None),
        (["budget.target=0.6"], None, None),
        (["budget.gpu_hours=2", "resources.gpu=0.5"], None, None),
    ],
)
def test_what_a_driver_before_has_spent_counts(make_search, tmp_path, changes, words, more):
    trials = [([0.1, 0.5], "done"), ([0.5], "done"), ([0.2], "interrupted"), ([0.3], "done")]
    budgets, _ = watch(make_search(*changes), recorded(tmp_path, trials))
    if words is None:
        assert budgets.spent is None
    else:
        assert words in budgets.spent.words and budgets.spent.more == more


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["budget.gpu_hours=2"], "gpu_hours (2) counts nothing, as resources.gpu is 0: remove it"),
        (["budget.target=0.5", BOTH], "budget.target (0.5) is a value of one objective, and"),
        (["budget.target=.inf"], "target is inf: give a finite number"),
        (["budget.no_improvement=0"], "no_improvement is 0"),
    ],
)
def test_a_budget_that_means_nothing_is_refused(make_search, changes, message):
    with pytest.raises(ValueError, match="mistake") as caught:
        make_search(*changes)
    assert message in str(caught.value)


@pytest.mark.ray
def test_a_search_ends_at_its_target_and_goes_on_with_a_better_one(
    make_search, ray_instance, tmp_path, capsys
):
    search = make_search("budget={num_trials: 12, target: 1.2}", "resources.cpu=2")
    run = run_search(search, RunOptions(name="aim", stream=io.StringIO()))
    assert run.status == "finished"
    assert run.message.startswith("its target is reached: val/score 1.")
    cut = [row for row in run.rows if row.cause == "budget"]
    assert len(run.rows) < 12 and len(cut) == 1
    assert main(["resume", "aim"]) == 2
    assert "to go on, give it more in all, as `tuner resume aim --target" in capsys.readouterr().err
    assert main(["resume", "aim", "--target", "99", "--trials", str(len(run.rows) + 1)]) == 0
    again = read_run(RunPaths(tmp_path / "runs" / "aim"))
    assert len(again.rows) == len(run.rows) + 1
    assert {row.state for row in again.rows} == {"done"}
