import warnings

import numpy as np
import optuna
import pytest
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from tuner.report.importance import importance_section, importances, words
from tuner.report.material import read_material
from tuner.running.space_optuna import parameters


@pytest.fixture(scope="module")
def found(run_of_64):
    return importances(read_material(run_of_64))


def test_the_key_that_decides_is_found_and_others_are_not(found):
    first = found.items[0]
    assert first.name == "beta"
    assert first.is_clear
    assert first.low <= first.value <= 1
    assert first.value > 0.5
    unclear = {one.name for one in found.items if not one.is_clear}
    assert {"free_bits", "cyclical_beta"} <= unclear
    assert sum(one.value for one in found.items) == pytest.approx(1.0)
    said = words(found)
    assert said[0].startswith("beta explains ")
    assert "free_bits" in said[1]


def test_keys_that_are_active_at_times_are_told_with_their_number(found):
    partly = {one.name: one.num_active for one in found.items if one.conditional}
    assert set(partly) == {"cycle_epochs", "encoder_kernel[2]", "encoder_kernel[3]"}
    assert all(0 < num < found.num_trials for num in partly.values())


def test_shares_are_those_of_optunas_own_study(run_of_64, found):
    material = read_material(run_of_64)
    study = optuna.create_study(direction="maximize")
    for one in material.valued:
        params, distributions = parameters(material.search.space, one.row.params)
        study.add_trial(
            optuna.create_trial(value=one.value, params=params, distributions=distributions)
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = PedAnovaImportanceEvaluator(target_quantile=0.1)
        theirs = get_param_importances(study, evaluator=evaluator)
    assert {one.name: one.value for one in found.items} == pytest.approx(theirs)


def twelve_trials(run, worst):
    """Write trials of which four are good, those of one choice."""
    rng = np.random.default_rng(0)
    for number in range(12):
        fail = "no" if number in (2, 3, 6, 7) else "nan"
        params = {"lr": rng.uniform(0.1, 1.0), "peak": int(rng.integers(0, 9)), "fail": fail}
        run.trial([1.0 + number / 1000 if fail == "no" else worst * number], params)
    return run.material


SPACE = "space={lr: {uniform: [0.1, 1.0]}, peak: {int: [0, 8]}, fail: {choice: ['no', nan]}}"


def test_a_share_lies_in_its_interval_however_few_trials_there_are(hand_made):
    items = importances(twelve_trials(hand_made(SPACE), worst=0.001)).items
    assert items[0].name == "fail"
    assert [one.name for one in items if not one.low <= one.value <= one.high] == []


def test_best_trials_that_equal_the_others_are_told(hand_made):
    material = twelve_trials(hand_made(SPACE), worst=0.0)
    assert importances(material) is None
    said = importance_section(material, None).missing[0]
    assert said == "8 of 12 trials have the value 0: the best cannot be told from the others."


@pytest.mark.parametrize("num", [0, 1, 9])
def test_few_trials_are_too_few_to_tell(hand_made, num):
    run = hand_made()
    for number in range(num):
        run.trial([number / 10])
    assert importances(run.material) is None
    said = importance_section(run.material, None).missing[0]
    assert f"{num} trial" in said
    assert "too few to tell" in said


def test_equal_values_leave_nothing_to_explain(hand_made):
    run = hand_made()
    for _ in range(12):
        run.trial([0.5])
    assert importances(run.material) is None
    assert "All trials have the same value" in importance_section(run.material, None).missing[0]


def test_few_trials_are_said_to_be_few(hand_made):
    run = hand_made()
    for number in range(12):
        run.trial([number / 20], params={"lr": 0.1 + number / 20})
    said = words(importances(run.material))
    assert said[0].startswith("lr explains 100 %")
    assert said[-1].startswith("12 trials are few")
