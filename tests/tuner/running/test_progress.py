import pytest
from optuna.trial import TrialState, create_trial

from models.training.ranking import Ranking
from tuner.running.progress import Progress, as_ranked, ranked

RANKING = Ranking(metric="acc", mode="max", secondary="loss", secondary_mode="min")
DONE, STOPPED, RUNNING = TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING


def trial(number, state, values=()):
    """Return a trial whose epochs had these values."""
    steps = dict(enumerate(values, start=1))
    value = {"value": max(values)} if state is DONE else {}
    made = create_trial(state=state, intermediate_values=steps, **value)
    made.number = number
    return made


def numbers(trials, progress=None):
    return [one.number for one in ranked(trials, -1.0, progress)]


def test_trials_that_ended_rank_by_their_best_values():
    assert numbers([trial(n, DONE, curve) for n, curve in enumerate([[0.1], [0.3], [0.2]])]) == [
        1,
        2,
        0,
    ]


def test_the_first_at_a_rung_is_not_better_for_having_gone_on():
    trials = [trial(0, DONE, [0.1, 0.15, 0.2]), *(trial(n, STOPPED, [0.2 + n]) for n in (1, 2, 3))]
    assert numbers(trials) == [3, 2, 1, 0]


def test_those_that_went_further_are_ranked_there_among_their_own_places():
    trials = [
        trial(0, DONE, [0.5, 0.6, 0.7]),
        trial(1, STOPPED, [0.45]),
        trial(2, DONE, [0.4, 0.8, 0.9]),  # was behind, and is ahead of the first in the end
        trial(3, STOPPED, [0.1]),
    ]
    assert numbers(trials) == [2, 1, 0, 3]


def test_a_trial_that_runs_is_ranked_as_far_as_it_came():
    trials = [trial(0, STOPPED, [0.1]), trial(1, RUNNING, [0.5]), trial(2, RUNNING)]
    assert numbers(trials) == [1, 0]
    states = {one.number: one.state for one in as_ranked(trials, -1.0)}
    assert states == {0: DONE, 1: DONE, 2: RUNNING}


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_samplers_see_normal_scores_in_the_direction_of_the_study(sign):
    first, second, third = as_ranked([trial(n, DONE, [n]) for n in range(3)], sign)
    assert second.value == pytest.approx(0)
    assert first.value == pytest.approx(-third.value)
    assert first.value < third.value
    assert third.value == pytest.approx(0.967, abs=0.001)


def test_equal_values_are_told_apart_by_the_early_metric():
    progress = Progress(RANKING)
    trials = [trial(number, STOPPED, [0.0]) for number in range(3)]
    for number, loss in enumerate([2.0, 1.0, 3.0]):
        progress.report(number, 1, {"acc": 0.0, "loss": loss})
    assert numbers(trials, progress) == [1, 0, 2]


def test_an_epoch_that_is_trained_again_takes_the_place_of_what_came_after():
    progress = Progress(RANKING)
    for epoch, value in ((1, 0.1), (2, 0.9), (2, 0.2)):
        progress.report(0, epoch, {"acc": value, "loss": 1.0})
    assert progress.costs(0)[2] == (-0.2, 1.0, -2)


def test_nothing_is_ranked_before_a_trial_has_ended():
    assert numbers([trial(0, RUNNING, [0.5])]) == []


def test_a_trial_of_which_the_end_alone_is_known_stands_there_from_the_first_rung_on():
    earlier = create_trial(state=DONE, value=0.9, intermediate_values={9: 0.9})
    earlier.number = -1
    assert numbers([trial(0, STOPPED, [0.1]), earlier]) == [-1, 0]
