import gc
import tracemalloc
from datetime import datetime

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from tuner.running.lean_journal import LeanJournalStorage, PackedTrials
from tuner.running.study import open_storage
from tuner.running.study_journal import StudyJournal

DISTRIBUTIONS = {
    "lr": FloatDistribution(1e-4, 1e-1, log=True),
    "width": IntDistribution(16, 512, step=16),
    "kernel": CategoricalDistribution((3, "wide", None)),
}
PARAMS = {"lr": 0.003, "width": 48, "kernel": "wide"}


def study_in(storage):
    return optuna.create_study(
        storage=storage, study_name="run", directions=["maximize"], load_if_exists=True
    )


def train(study, number, values=(0.25, 0.5), state=TrialState.COMPLETE):
    row = create_trial(
        state=TrialState.RUNNING,
        params=PARAMS,
        distributions=DISTRIBUTIONS,
        user_attrs={"ray_trial": f"t{number}"},
    )
    row.datetime_start = datetime(2026, 1, 1, 12, 0, number % 60)
    trial = study._storage.create_new_trial(study._study_id, template_trial=row)
    for epoch, value in enumerate(values, 1):
        study._storage.set_trial_intermediate_value(trial, epoch, value)
    study._storage.set_trial_user_attr(trial, "curve", list(values) * 50)
    study.tell(number, None if state is TrialState.FAIL else values[-1], state=state)
    return trial


@pytest.mark.parametrize("state", [TrialState.COMPLETE, TrialState.FAIL])
def test_a_trial_that_has_ended_comes_back_but_for_its_epochs(tmp_path, state):
    study = study_in(LeanJournalStorage(StudyJournal(tmp_path / "lean.journal")))
    trial = train(study, 0, state=state)
    mine = study._storage.get_trial(trial)
    whole = study_in(open_storage(tmp_path / "lean.journal")).get_trials()[0]
    assert (whole.user_attrs["ray_trial"], whole.intermediate_values) == ("t0", {1: 0.25, 2: 0.5})
    assert (mine.user_attrs, mine.intermediate_values) == ({}, {})
    for name in ("number", "state", "values", "params", "distributions", "system_attrs",
                 "datetime_start", "datetime_complete", "_trial_id"):  # fmt: skip
        assert getattr(mine, name) == getattr(whole, name), name


def test_a_study_that_is_opened_again_is_packed_and_goes_on(tmp_path):
    for round_ in range(2):
        study = study_in(LeanJournalStorage(StudyJournal(tmp_path / "lean.journal")))
        assert [one.value for one in study.get_trials()] == [0.5] * round_
        train(study, round_)
    row = create_trial(state=TrialState.RUNNING, params=PARAMS, distributions=DISTRIBUTIONS)
    study._storage.create_new_trial(study._study_id, template_trial=row)
    assert [one.number for one in study.get_trials(states=(TrialState.RUNNING,))] == [2]
    assert [one.number for one in study.get_trials()] == [0, 1, 2]
    assert study.best_trial.params == PARAMS


def test_packed_trials_are_a_mapping_in_the_order_of_creation():
    ended = create_trial(value=1.0, params=PARAMS, distributions=DISTRIBUTIONS)
    packed = PackedTrials({0: create_trial(state=TrialState.RUNNING), 1: ended})
    packed[0] = create_trial(value=2.0)
    assert (list(packed), len(packed), 1 in packed, 2 in packed) == ([0, 1], 2, True, False)
    assert [packed[number].value for number in packed] == [2.0, 1.0]
    assert packed.open == {}
    del packed[0]
    assert (list(packed), len(packed), packed[1].params) == ([1], 1, PARAMS)
    with pytest.raises(KeyError):
        packed[0]


def test_a_trial_that_has_ended_takes_little_memory(tmp_path):
    study = study_in(LeanJournalStorage(StudyJournal(tmp_path / "lean.journal")))
    for number in range(20):
        train(study, number)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(20, 220):
            train(study, number)
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept / 200 < 250  # Optuna's storage: 3,000


def test_ended_trials_of_one_kind_are_rows_of_one_table():
    packed = PackedTrials({})
    for number in range(1000):
        packed[number] = create_trial(state=TrialState.RUNNING)
        packed[number] = create_trial(value=number, params=PARAMS, distributions=DISTRIBUTIONS)
    failed = {"state": TrialState.FAIL, "system_attrs": {"why": 1}}
    packed[1000] = create_trial(**failed, params=PARAMS, distributions=DISTRIBUTIONS)
    assert (len(packed), len(packed._tables), packed.open) == (1001, 2, {})
    assert [packed[number].value for number in (0, 999, 1000)] == [0.0, 999.0, None]
    assert (packed[1000].state, packed[1000].system_attrs) == (TrialState.FAIL, {"why": 1})
