"""Which points a search draws: none twice, and the same ones however often it is cut off."""

import itertools

import optuna
import pytest
from optuna.trial import TrialState

from tuner.record.events import EventLog
from tuner.record.outcomes import Outcome
from tuner.record.past import Past
from tuner.record.paths import RunPaths
from tuner.running.bounded_sampler import NUM_FIRST
from tuner.running.drawing import NUM_ATTEMPTS, DrawnPoints, PointDrawer
from tuner.running.lean_journal import LeanJournalStorage
from tuner.running.progress import Progress
from tuner.running.samplers import sampler_of
from tuner.running.searcher import OptunaSearcher
from tuner.running.space_optuna import decode
from tuner.running.study import RAY_TRIAL, WARM_START, build_sampler, open_storage
from tuner.running.study_place import StudyPlace
from tuner.running.study_rows import study_of
from tuner.running.taking_over import take_over

METRIC, COST = "val/score", "val/cost"
BOTH = "objective=[{metric: val/score}, {metric: val/cost}]"
SPACE = (
    "space={lr: {uniform: [0.1, 1.0]}, peak: {int: [0, 5]},"
    " epoch_s: {uniform: [0.0, 1.0], step: 0.1, when: {peak: [1, 2, 3]}},"
    " fail: {choice: ['no', nan], when: {peak: [0, 4]}}}"
)
NUMBERS = (  # what every sampler can draw, a grid apart
    "space={lr: {uniform: [0.1, 1.0]}, epoch_s: {uniform: [0.0, 1.0], step: 0.05},"
    " peak: {log_int: [1, 9]}}"
)
GRID = "space={lr: {uniform: [0.1, 1.0], step: 0.1}, peak: {int: [0, 5]}}"
LEARNING = ("tpe", "gp", "cmaes", "nsga2")
SAMPLERS = (*LEARNING, "random", "qmc", "grid")
OBJECTIVES = {
    "max": "objective={metric: val/score}",
    "min": "objective={metric: val/cost}",
    "both": BOTH,
}


def changes_for(sampler, objective, num_trials=40):
    space = GRID if sampler == "grid" else NUMBERS
    wanted = f"budget.num_trials={num_trials}", f"searcher.sampler={sampler}"
    return space, *wanted, OBJECTIVES[objective]


TWELVE = "space={peak: {int: [1, 4]}, fail: {choice: ['no', nan, oom]}}"


class Driver:
    """Drives a search without Ray: three slots, of which the one that waited longest reports."""

    def __init__(self, search, paths, past=None, storage=None):
        self.search, self.paths = search, paths
        self.past = past or Past()
        paths.folder.mkdir(parents=True, exist_ok=True)
        self.log = EventLog(paths.events_file)
        progress = Progress(search.rung_ranking, self.past.rows)
        sampler = sampler_of(search, progress)
        place = StudyPlace(location=storage or paths.study_file, name="run")
        self.study = study_of(search, place, sampler, self.past)
        points = PointDrawer(
            self.study,
            sampler,
            search.space,
            seed=search.seed,
            warm_starts=search.warm_starts,
            drawn=[*(row.params for row in self.past.rows), *(k.values for k in search.known)],
        )
        self.searcher = OptunaSearcher(
            self.study,
            points,
            search.space,
            [objective.metric for objective in search.objectives],
            search.ranking,
            on_trial=self.log.trial,
            progress=progress,
        )
        self.searcher.take_over(self.past.unfinished)
        self.names = (f"t{number}" for number in itertools.count(len(self.past.rows)))
        self.running = []

    def run(self, num_steps=None):
        """Let trials report until all have ended, or so many reports were made."""
        if not self.past.events:
            self.log.run("running")
        for row in self.past.unfinished:
            self._start(row.trial, self.searcher.go_on(row.trial), row.num_epochs)
        num_drawn = len(self.past.rows)
        for _ in itertools.count() if num_steps is None else range(num_steps):
            while len(self.running) < 3 and num_drawn < self.search.num_trials:
                name = next(self.names)
                self._start(name, self.searcher.suggest(name), 0)
                num_drawn += 1
            if not self.running:
                break
            self.running.sort(key=lambda one: (one[2], int(one[0][1:])))
            self._report(*self.running.pop(0))
        self.log.close()

    def _start(self, name, config, epochs):
        self.log.start(name)
        self.running.append((name, config["params"], epochs))

    def _report(self, name, params, epochs):
        epoch = epochs + 1
        score = (1 - abs(params.get("lr", 0.5) - 0.4)) * epoch
        if params.get("fail") == "nan" and epoch == 2:
            self.searcher.on_trial_complete(
                name, {METRIC: float("nan"), COST: float("nan"), "finished": "nan"}
            )
            self.log.end(name, "failed", "nan")
            return
        metrics = {METRIC: score, COST: 1 / score}
        result = {**metrics, "epoch": epoch, "finished": "epochs" if epoch == 4 else None}
        self.log.report(name, epoch, metrics, finished=result["finished"])
        if epoch == 4:
            self.searcher.on_trial_complete(name, result)
            self.log.end(name, "done", "epochs")
        elif epoch == 2 and score < 1.6:
            self.searcher.on_trial_complete(name, result)
            self.log.end(name, "stopped", "median")
        else:
            self.searcher.on_trial_result(name, result)
            self.running.append((name, params, epoch))


def written(study):
    """Return the trials as another process reads them: a driver keeps no epochs in memory."""
    if not isinstance(study._storage, LeanJournalStorage):
        return study.trials
    storage = open_storage(study._storage._backend._path)
    return optuna.load_study(study_name=study.study_name, storage=storage).trials


def content(study):
    return [
        (
            row.params,
            row.distributions,
            row.state,
            row.values,
            row.intermediate_values,
            row.user_attrs,
        )
        for row in written(study)
    ]


@pytest.fixture
def paths(tmp_path):
    return RunPaths(tmp_path / "runs" / "cut")


@pytest.mark.parametrize(
    ("sampler", "storage", "changes"),
    [("tpe", None, ()), ("tpe", "sqlite", ()), ("random", None, ()), ("tpe", None, (BOTH,))],
)
def test_a_search_that_is_cut_off_draws_what_it_would_have_drawn(
    make_search, paths, tmp_path, sampler, storage, changes
):
    search = make_search(
        SPACE, f"budget.num_trials={NUM_FIRST + 8}", f"searcher.sampler={sampler}", *changes
    )
    whole = Driver(search, RunPaths(tmp_path / "whole"))
    whole.run()
    storage = storage and f"sqlite:///{tmp_path}/study.db"
    past = None
    for reports in (9, 1, 25, 30, None):
        cut = Driver(search, paths, past, storage)
        cut.run(reports)  # the process is gone: nothing is closed
        past = take_over(paths, search)
    assert len(cut.study.trials) == NUM_FIRST + 8
    for one, other in zip(content(cut.study), content(whole.study), strict=True):
        assert one == other
    assert {row.state for row in whole.study.trials} == {TrialState.COMPLETE, TrialState.FAIL} | (
        {TrialState.PRUNED}
    )


ALL = [
    (sampler, objective)
    for sampler in SAMPLERS
    for objective in OBJECTIVES
    if (sampler, objective) != ("cmaes", "both")
]
"""Every sampler with every kind of objective that it takes."""


@pytest.mark.parametrize(("sampler", "objective"), ALL)
def test_every_sampler_keeps_the_contract(make_search, paths, tmp_path, sampler, objective):
    """Whichever way the objective goes; a draw of `gp` takes half a second, so few of them do."""
    num_trials, cuts = (15, (9, 22, 8)) if sampler == "gp" else (32, (9, 1, 45, 20))
    search = make_search(*changes_for(sampler, objective, num_trials))
    whole = Driver(search, RunPaths(tmp_path / "whole"))
    whole.run()
    assert len(whole.study.trials) == num_trials
    check_points(search, whole.study.trials)
    check_stopped(search, written(whole.study))
    past = None
    for reports in (*cuts, None):
        cut = Driver(search, paths, past)
        cut.run(reports)
        past = take_over(paths, search)
    assert content(cut.study) == content(whole.study)


def check_points(search, trials):
    """What it draws is legal, and none twice."""
    drawn = [decode(search.space, row.params) for row in trials]
    assert all(search.space.locate(search.space.complete(one))[1] == [] for one in drawn)
    assert len({tuple(one.values()) for one in drawn}) == len(trials)
    assert all(type(one["peak"]) is int for one in drawn)


def check_stopped(search, trials):
    """Every trial that was stopped has its values in the study."""
    stopped = [row for row in trials if row.state is TrialState.PRUNED]
    assert stopped
    for row in stopped:
        best = [row.user_attrs["curve"][one.metric][1] for one in search.objectives]
        assert row.values == best


@pytest.mark.parametrize(("sampler", "objective"), ALL)
def test_the_seed_of_a_sampler_decides(make_search, tmp_path, sampler, objective):
    def drawn(folder, seed):
        search = make_search(*changes_for(sampler, objective, 14), f"searcher.seed={seed}")
        driver = Driver(search, RunPaths(tmp_path / folder))
        driver.run()
        return [row.params for row in driver.study.trials]

    once = drawn("one", 1)
    assert once == drawn("again", 1)
    assert (drawn("other", 2) == once) == (sampler == "grid")


@pytest.mark.parametrize("sampler", LEARNING)
@pytest.mark.parametrize("objective", ["max", "min"])
def test_samplers_that_learn_come_closer(make_search, paths, sampler, objective):
    """Draws that look at no results would keep the contract, too."""
    distances = {}
    for name in (sampler, "random"):
        # A Gaussian process takes half a second a draw, and TPE begins later than the others.
        num_trials = {"gp": 36, "tpe": NUM_FIRST + 96}.get(sampler, 80)
        search = make_search(*changes_for(name, objective, num_trials))
        driver = Driver(search, RunPaths(paths.folder / name))
        driver.run()
        drawn = [row.params["lr"] for row in driver.study.trials[-num_trials // 3 :]]
        distances[name] = sum(abs(lr - 0.4) for lr in drawn) / len(drawn)
    assert distances[sampler] < 0.6 * distances["random"]


def test_quasi_random_points_leave_smaller_gaps_than_random_ones(make_search, paths):
    gaps = {}
    for sampler in ("qmc", "random"):
        search = make_search(NUMBERS, "budget.num_trials=32", f"searcher.sampler={sampler}")
        driver = Driver(search, RunPaths(paths.folder / sampler))
        driver.run()
        drawn = sorted(row.params["lr"] for row in driver.study.trials)
        gaps[sampler] = max(b - a for a, b in itertools.pairwise([0.1, *drawn, 1.0]))
    assert gaps["qmc"] < 0.6 * gaps["random"]


@pytest.mark.parametrize("sampler", ["qmc", "gp", "nsga2"])
def test_keys_that_some_points_do_not_have_are_drawn_where_they_are(make_search, paths, sampler):
    search = make_search(SPACE, "budget.num_trials=25", f"searcher.sampler={sampler}")
    driver = Driver(search, paths)
    driver.run()
    rows = [row.params for row in driver.study.trials]
    assert all(("epoch_s" in row) == (row["peak"] in (1, 2, 3)) for row in rows)
    assert len({row["epoch_s"] for row in rows if "epoch_s" in row}) > 3


def test_a_grid_takes_all_points_in_the_order_of_the_file(make_search, paths):
    search = make_search(
        "space={peak: {int: [1, 3]}, fail: {choice: ['no', nan]}}", "searcher.sampler=grid"
    )
    driver = Driver(search, paths)
    driver.run()
    drawn = [(row.params["peak"], row.params["fail"]) for row in driver.study.trials]
    assert drawn == list(itertools.product([1, 2, 3], ["no", "nan"]))[: len(drawn)]


def test_the_tpe_of_a_cut_off_search_learns_from_what_there_was(make_search, paths, tmp_path):
    """Draws that look at no results would pass the test above, too."""
    distances = {}
    for sampler in ("tpe", "random"):
        search = make_search(SPACE, "budget.num_trials=160", f"searcher.sampler={sampler}")
        driver = Driver(search, RunPaths(paths.folder / sampler))
        driver.run()
        drawn = [row.params["lr"] for row in driver.study.trials[NUM_FIRST + 40 :]]
        distances[sampler] = sum(abs(lr - 0.4) for lr in drawn) / len(drawn)
    assert distances["tpe"] < 0.6 * distances["random"]


def test_a_trial_that_is_missing_in_the_log_leaves_the_others_their_numbers(make_search, paths):
    search = make_search("budget.num_trials=5")
    Driver(search, paths).run(6)
    lines = paths.events_file.read_text().splitlines(keepends=True)
    paths.events_file.write_text("".join(line for line in lines if '"t1"' not in line))
    driver = Driver(search, paths, take_over(paths, search))
    driver.log.close()
    rows = written(driver.study)
    assert [row.user_attrs.get(RAY_TRIAL) for row in rows] == ["t0", None, "t2", "t3"]
    assert rows[1].state is TrialState.FAIL


def test_closing_leaves_the_end_that_a_trial_without_a_new_turn_had(make_search, paths):
    search = make_search("budget.num_trials=9")
    first = Driver(search, paths)
    first.run(7)
    first.searcher.close(Outcome(state="interrupted"))
    past = take_over(paths, search)
    again = Driver(search, paths, past)
    again.searcher.go_on(past.unfinished[0].trial)
    again.searcher.close(Outcome(state="stopped", cause="budget"))
    again.log.close()
    rows = [written(again.study)[row.number] for row in past.unfinished]
    assert [row.user_attrs["cause"] for row in rows] == ["budget", "interrupted", "interrupted"]
    assert [row.state.name for row in rows] == ["PRUNED", "FAIL", "FAIL"]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_small_space_is_tried_without_repeats_and_once_each(make_search, paths, sampler):
    search = make_search(TWELVE, "budget.num_trials=30", f"searcher.sampler={sampler}")
    assert search.num_trials == 12
    driver = Driver(search, paths)
    driver.run()
    points = [tuple(row.params.values()) for row in driver.study.trials]
    assert len(points) == len(set(points)) == 12


def test_a_sampler_that_knows_one_point_only_is_not_asked_for_ever(make_search, paths, monkeypatch):
    search = make_search(TWELVE, "budget.num_trials=5")
    driver = Driver(search, paths)
    asked = []

    def stubborn(study, trial, name, distribution):
        asked.append(name)
        return 1 if name == "peak" else "no"

    monkeypatch.setattr(driver.study.sampler, "sample_independent", stubborn)
    driver.run()
    points = [tuple(row.params.values()) for row in driver.study.trials]
    assert len(set(points)) == 5
    assert len(asked) == 2 * (1 + 4 * NUM_ATTEMPTS)


def test_warm_starts_come_first_and_equal_ones_once(make_search, fake_spec, paths):
    same = "same: {lr: 0.25}\nother: {lr: 0.75}\n"
    fake_spec.presets_file.write_text(fake_spec.presets_file.read_text() + same)
    search = make_search("searcher.warm_start=[quick, same, other]", "budget.num_trials=4")
    driver = Driver(search, paths)
    driver.run()
    rows = written(driver.study)
    assert [row.params["lr"] for row in rows[:2]] == [0.25, 0.75]
    assert [row.user_attrs.get(WARM_START) for row in rows] == ["quick", "other", None, None]


def test_a_warm_start_that_is_known_already_makes_room_for_another_point(make_search, fake_spec):
    other = "other: {lr: 0.75}\n"
    fake_spec.presets_file.write_text(fake_spec.presets_file.read_text() + other)
    search = make_search("searcher.warm_start=[quick, other]")
    study, sampler = optuna.create_study(), sampler_of(search)
    known = [{"lr": 0.25}]
    drawer = PointDrawer(
        study, sampler, search.space, seed=0, warm_starts=search.warm_starts, drawn=known
    )
    points = [drawer.draw(number) for number in range(2)]
    assert [point.preset for point in points] == [None, "other"]
    assert points[0].values != known[0] and points[1].values == {"lr": 0.75}


def test_the_study_of_a_database_is_written_anew_and_its_neighbours_stay(make_search, paths):
    search = make_search("budget.num_trials=3")
    storage = f"sqlite:///{paths.folder.parent}/study.db"
    paths.folder.mkdir(parents=True)
    other = StudyPlace(location=storage, name="other")
    neighbour = study_of(search, other, build_sampler("random", 0), Past())
    neighbour.ask()
    Driver(search, paths, storage=storage).run()
    past = take_over(paths, search)
    again = Driver(search, paths, past, storage)
    again.log.close()
    assert [row.user_attrs[RAY_TRIAL] for row in written(again.study)] == ["t0", "t1", "t2"]
    assert len(neighbour.trials) == 1


def test_drawn_points_are_a_set_of_keys():
    drawn = DrawnPoints()
    for key in (7, 2**64 - 1, 0, 7, 3):
        drawn.add(key)
    assert list(drawn._keys) == [0, 3, 7, 2**64 - 1]
    assert [key in drawn for key in (0, 1, 7, 8, 2**64 - 1)] == [True, False, True, False, True]
