import optuna
import pytest
from optuna.samplers import RandomSampler, TPESampler
from optuna.trial import TrialState

from models.errors import UserError
from tuner.running.study import build_sampler, open_storage, open_study


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "study.journal"


def open_one(journal, directions=("max",), sampler=None):
    sampler = sampler or build_sampler("random", seed=0)
    return open_study(open_storage(journal), "run", directions, sampler)


def test_directions_follow_the_modes(journal):
    study = open_one(journal, ("max", "min"))
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]


def test_a_study_is_opened_as_it_is(journal):
    first = open_one(journal)
    first.tell(first.ask(), 1.0)
    first.ask()
    states = [trial.state for trial in open_one(journal).trials]
    assert states == [TrialState.COMPLETE, TrialState.RUNNING]


@pytest.mark.parametrize(("name", "kind"), [("tpe", TPESampler), ("random", RandomSampler)])
def test_samplers_by_name(name, kind):
    assert isinstance(build_sampler(name, seed=1), kind)


def test_equal_seeds_draw_equal_points(tmp_path):
    def draw(file):
        study = open_one(tmp_path / file, sampler=build_sampler("tpe", seed=7))
        drawn = []
        for _ in range(15):
            trial = study.ask()
            drawn.append(trial.suggest_float("lr", 0.0, 1.0))
            study.tell(trial, drawn[-1])
        return drawn

    assert draw("a") == draw("b")


def test_a_database_by_url(tmp_path):
    storage = open_storage(f"sqlite:///{tmp_path / 'study.db'}")
    study = open_study(storage, "run", ("min",), build_sampler("random", seed=0))
    study.tell(study.ask(), 2.0)
    assert optuna.load_study(study_name="run", storage=storage).best_value == 2.0


def test_an_unreachable_database_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match=r"storage cannot be opened.*check the URL"):
        open_storage(f"sqlite:///{tmp_path / 'no' / 'folder' / 'study.db'}")


def test_a_database_without_a_driver_says_which_is_missing():
    with pytest.raises(UserError, match="no driver for mysql:// is installed"):
        open_storage("mysql://user@127.0.0.1/studies")
