"""Searches with constraints: infeasible points are never trained, and are on record."""

import io
import math
from dataclasses import dataclass

import optuna
import pytest

from models.errors import UserError
from tuner.cli import main
from tuner.record.events import InfeasibleDraw, TrialCreated, read_events
from tuner.record.paths import find_run
from tuner.running.bounded_sampler import NUM_FIRST
from tuner.running.drawing import CONSTRAINTS, PointDrawer
from tuner.running.resuming import ResumeOptions, resume_run
from tuner.running.runner import RunOptions, run_search
from tuner.running.study import INFEASIBLE, build_sampler, open_storage, open_study
from tuner.search.domains import FloatRange
from tuner.search.feasibility import judge_of_space
from tuner.search.space import Parameter, Space

LOW_LR = 'constraints=["lr <= 0.4", "params <= 10"]'
ONE_BY_ONE = "resources.cpu=2"


def run(search, **options):
    return run_search(search, RunOptions(stream=io.StringIO(), name="tiny", **options))


def rows(result):
    storage = open_storage(result.paths.study_file)
    return open_study(storage, result.name, ["max"], build_sampler("random", seed=0)).trials


def draws(run_name):
    events = read_events(find_run(run_name).events_file)
    return [(e.params, e.infeasible) for e in events if isinstance(e, TrialCreated)]


@pytest.mark.ray
@pytest.mark.usefixtures("ray_instance")
class TestWithRay:
    def test_infeasible_points_are_drawn_again_and_recorded(self, make_search, capsys):
        search = make_search(LOW_LR, "budget.num_trials=8", "searcher={sampler: tpe, seed: 1}")
        result = run(search)
        assert len(result.rows) == 8
        assert all(row.params["lr"] <= 0.4 for row in result.rows)
        infeasible = [draw for row in result.rows for draw in row.infeasible]
        assert infeasible
        for draw in infeasible:
            assert draw.params["lr"] > 0.4
            assert draw.violations == pytest.approx((1 - 0.4 / draw.params["lr"], 0.0))
        found = rows(result)
        assert all(row.system_attrs[CONSTRAINTS] == [0.0, 0.0] for row in found)
        told = [draw for row in found for draw in row.user_attrs.get(INFEASIBLE, [])]
        assert told == [dict(draw.params) for draw in infeasible]
        assert main(["doctor", "tiny", "--check"]) == 0, capsys.readouterr().out
        row = next(row for row in result.rows if row.infeasible)
        assert main(["show", "tiny", "--trial", str(row.number)]) == 0
        assert "not keep the constraints" in capsys.readouterr().out

    def test_a_resumed_search_draws_what_it_would_have_drawn(self, make_search, tmp_path):
        settings = (LOW_LR, "searcher={sampler: tpe, seed: 5}", ONE_BY_ONE)
        run(make_search(*settings, "budget.num_trials=16"))
        whole = draws("tiny")
        find_run("tiny").folder.rename(tmp_path / "runs" / "whole")
        run(make_search(*settings, "budget.num_trials=12"))
        options = RunOptions(stream=io.StringIO())
        resume_run(find_run("tiny"), options, ResumeOptions(trials=16, anyway=True))
        assert draws("tiny") == whole

    def test_a_search_ends_when_no_feasible_point_is_left(self, make_search):
        change = "space={peak: {int: [0, 20000]}}", 'constraints=["peak % 5000 == 7"]'
        result = run(make_search(*change, "budget.num_trials=9", "resources.cpu=0.5"))
        assert result.status == "finished"
        assert 1 <= len(result.rows) <= 4
        assert all(row.params["peak"] % 5000 == 7 for row in result.rows)
        assert {row.state for row in result.rows} == {"done"}

    def test_a_search_without_a_feasible_model_ends_with_one_message(self, make_search):
        with pytest.raises(UserError, match=r"no point of the space was found that keeps `params"):
            run(make_search('constraints=["params < 5"]'))

    def test_the_command_finds_that_out_before_the_run_begins(self, make_search, capsys):
        file = make_search().source
        change = ["--set", 'constraints=["params < 5"]']
        assert main(["check", file, "--no_measure", *change]) == 2
        assert main(["search", file, "--name", "none", *change]) == 2
        said = "constraints[0] is 'params < 5': no point of 100 that were drawn keeps"
        assert said in capsys.readouterr().err
        with pytest.raises(UserError, match="unknown run"):
            find_run("none")

    def test_derived_and_constant_keys_reach_the_model_and_the_record(self, make_search, capsys):
        change = "space={fail_epoch: {int: [90, 99]}, peak: {expr: fail_epoch / 30}}"
        result = run(make_search(change, "budget.num_trials=3"))
        for row in result.rows:
            assert row.params["peak"] == math.floor(row.params["fail_epoch"] / 30 + 0.5)
            assert row.best(make_search(change).ranking).epoch == 3
        assert main(["doctor", "tiny", "--check"]) == 0, capsys.readouterr().out
        assert main(["promote", "tiny", "--no_confirm"]) == 0


LR = Parameter(key="lr", domain=FloatRange(low=0.0, high=1.0))


@dataclass(frozen=True)
class Below:
    """A constraint like those that are parsed."""

    limit: float

    def judge(self, values):
        return (max(values["lr"] - self.limit, 0.0),)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_tpe_learns_to_keep_away_from_what_must_not_be_trained(sampler):
    space = Space(parameters=(LR,), preset={"lr": 0.5})
    mine = build_sampler(sampler, 0)
    study = optuna.create_study(sampler=mine, direction="maximize")
    points = PointDrawer(study, mine, space, seed=0, judge=Below(0.2).judge)
    counts = []
    for number in range(NUM_FIRST + 30):
        point = points.draw(number)
        study.enqueue_trial(point.values)
        trial = study.ask({"lr": optuna.distributions.FloatDistribution(0.0, 1.0)})
        study.tell(trial, -abs(point.values["lr"] - 0.15))
        counts.append(len(point.infeasible))
        assert point.values["lr"] <= 0.2
    early, late = sum(counts[:20]), sum(counts[-20:])
    assert (late < early / 2) if sampler == "tpe" else (late > early / 2)


def test_draws_that_were_infeasible_are_told_to_the_sampler_again():
    class Deaf:
        def __init__(self):
            self.told = []

        def learn_infeasible(self, trial):
            self.told.append(trial)

    space, sampler = Space(parameters=(LR,), preset={"lr": 0.5}), Deaf()
    study = optuna.create_study()
    past = [InfeasibleDraw(params={"lr": 0.9}, violations=(0.7, 0.0))]
    PointDrawer(study, sampler, space, seed=0, infeasible=past)
    (trial,) = sampler.told
    assert trial.params == {"lr": 0.9}
    assert trial.constraints == {"0": 0.7, "1": 0.0}


def test_a_point_without_constraints_is_feasible():
    assert judge_of_space(Space(parameters=(LR,), preset={"lr": 0.5}))({"lr": 0.1}) == ()
