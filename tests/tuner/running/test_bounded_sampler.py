import optuna
import pytest
from optuna.trial import TrialState

from tuner.running.bounded_sampler import NUM_FIRST, BoundedTPESampler
from tuner.running.study import build_sampler

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

LR = optuna.distributions.FloatDistribution(0.0, 1.0)


def study_with(sampler, directions=("maximize",)):
    return optuna.create_study(
        sampler=sampler, directions=directions, pruner=optuna.pruners.NopPruner()
    )


def run(study, num_trials, values=lambda lr: -abs(lr - 0.3)):
    for _ in range(num_trials):
        trial = study.ask()
        study.tell(trial, values(trial.suggest_float("lr", 0.0, 1.0)))


def seen(sampler, study):
    return sampler._view(study)._get_trials()


def test_a_study_is_seen_whole_while_it_is_short():
    mine, whole = BoundedTPESampler(3), optuna.samplers.TPESampler(
        multivariate=True, group=True, seed=3, n_startup_trials=NUM_FIRST
    )  # fmt: skip
    studies = [study_with(mine), study_with(whole)]
    for study in studies:
        run(study, 80)
    ours, theirs = ([t.params for t in study.trials] for study in studies)
    assert ours == theirs


def test_the_best_and_the_latest_are_seen_of_a_long_study():
    sampler = BoundedTPESampler(0, num_best=5, num_latest=10)
    study = study_with(sampler)
    run(study, 80)
    study.ask().suggest_float("lr", 0.0, 1.0)
    numbers = [t.number for t in seen(sampler, study)]
    best = sorted(study.trials[:80], key=lambda t: -t.value)[:5]
    assert len(numbers) == 15
    assert {t.number for t in best} <= set(numbers)
    assert numbers == sorted(numbers)
    assert len([n for n in numbers if n >= 65]) >= 10


def test_running_trials_are_seen_with_their_parameters():
    sampler = BoundedTPESampler(0)
    study = study_with(sampler)
    run(study, 12)
    running = study.ask()
    running.suggest_float("lr", 0.0, 1.0)
    study.ask().suggest_float("lr", 0.0, 1.0)
    states = [t.state for t in seen(sampler, study)]
    assert states.count(TrialState.RUNNING) == 1
    assert seen(sampler, study)[-1].params == running.params


def test_a_study_opened_again_is_read_once(tmp_path):
    study = study_with(BoundedTPESampler(0))
    run(study, 20)
    study.sampler = again = BoundedTPESampler(1)
    run(study, 1)
    study.ask().suggest_float("lr", 0.0, 1.0)
    assert len(seen(again, study)) == 21


def test_a_study_opened_again_teaches_in_the_order_in_which_the_trials_ended(tmp_path):
    """Groups of parameters are drawn in the order in which they were met."""
    sampler = BoundedTPESampler(0)
    study = study_with(sampler)
    trials = [study.ask() for _ in range(3)]
    for trial, names in zip(trials, ("a", "ab", "b"), strict=True):
        for name in names:
            trial.suggest_float(name, 0.0, 1.0)
    for trial in (trials[2], trials[0], trials[1]):
        study.tell(trial, 1.0)
        study.ask().suggest_float("c", 0.0, 1.0)  # learns
    study.sampler = again = BoundedTPESampler(0)
    again.infer_relative_search_space(study, study.ask()._cached_frozen_trial)
    groups = [list(space) for space in again._search_space_group.search_spaces]
    assert groups == [["b"], ["a"]]
    assert groups == [list(space) for space in sampler._search_space_group.search_spaces]


def test_every_second_point_is_drawn_at_random_whatever_was_learned():
    sampler = BoundedTPESampler(0)
    study = study_with(sampler)
    run(study, NUM_FIRST + 18)
    trial = study.ask()
    drawn = {}
    for number, attempt in ((60, 0), (61, 0), (61, 1)):
        sampler.begin(number, attempt)
        known = sampler.infer_relative_search_space(study, trial._cached_frozen_trial)
        drawn[number, attempt] = sampler.sample_relative(study, trial._cached_frozen_trial, known)
    assert drawn[61, 0] == {}
    assert drawn[60, 0]["lr"] != drawn[61, 1]["lr"]


def test_failed_trials_are_not_seen():
    sampler = BoundedTPESampler(0)
    study = study_with(sampler)
    study.tell(study.ask(), state=TrialState.FAIL)
    study.ask().suggest_float("lr", 0.0, 1.0)
    assert seen(sampler, study) == []


def test_of_several_objectives_the_front_stays():
    sampler = BoundedTPESampler(0, num_best=4, num_latest=6)
    study = study_with(sampler, ("maximize", "minimize"))
    run(study, 30, lambda lr: (lr, (lr - 0.5) ** 2))
    front = {t.number for t in study.best_trials}
    ranked = [t.number for t in sampler._best(study, study.trials)]
    assert set(ranked[: len(front)]) == front


@pytest.mark.parametrize("num_trials", [400])
def test_what_a_draw_looks_at_stays_the_same(num_trials):
    sampler = build_sampler("tpe", 0)
    study = study_with(sampler)
    run(study, num_trials)
    study.ask().suggest_float("lr", 0.0, 1.0)
    assert len(seen(sampler, study)) == 125
    assert sampler._num_good(125) == 25  # of all trials, not of those that are seen
