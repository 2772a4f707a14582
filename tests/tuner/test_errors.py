import copy
import pickle
from pathlib import Path

import pytest

from models.errors import Mistake, UserError
from models.grammar.text_errors import OutsideGrammar
from models.training.loop import TrainingDiverged
from models.training.memory import OutOfMemory
from tuner.errors import RayLost, RunCorrupt, RunExists, RunHeld, SearchInvalid
from tuner.running.side_by_side import TrainersLost
from tuner.running.trial_failure import CheckpointNotWritten, ObjectiveNotFinite


def test_one_mistake_and_several_are_counted():
    assert str(SearchInvalid("a.yaml", ["x: is odd"])) == "a.yaml: a mistake\n  x: is odd"
    assert str(SearchInvalid("a.yaml", ["x", "y"])).startswith("a.yaml: 2 mistakes\n  x\n  y")


def test_the_file_is_named_once():
    (mistake,) = SearchInvalid("a.yaml", [Mistake(place="a.yaml", rule="x is odd")]).mistakes
    assert str(mistake) == "x is odd"


def test_mistakes_stay_apart():
    assert [str(each) for each in SearchInvalid("a.yaml", ["x", "y"]).mistakes] == ["x", "y"]
    error = UserError("x", "y").within("data")
    assert [str(each) for each in error.mistakes] == ["data: x", "data: y"]


def test_errors_of_runs_are_for_users():
    assert isinstance(RunExists(Path("runs/a")), UserError)
    assert "events.jsonl, line 3: torn" in str(RunCorrupt(Path("events.jsonl"), 3, "torn"))


def _concrete(kind):
    return [kind, *(found for each in kind.__subclasses__() for found in _concrete(each))]


ERRORS = [
    UserError("odd: even", Mistake(key="lr", value=[1, "x"], rule="too odd", place="a.yaml")),
    OutsideGrammar("column 1: unexpected '!'"),
    TrainingDiverged(3, None, "the loss: odd", "lower lr: it is high"),
    OutOfMemory("out of memory on cpu"),
    RunExists(Path("runs/a")),
    RunHeld(Path("runs/a"), "process 1 on here"),
    RayLost("Ray is gone", Path("runs/a")),
    RunCorrupt(Path("events.jsonl"), 3, "torn"),
    SearchInvalid("a.yaml", ["x", Mistake(place="a.yaml", key="lr", value=..., rule="odd")]),
    ObjectiveNotFinite("val/x is nan"),
    CheckpointNotWritten("a.ckpt: cannot be written"),
    TrainersLost("a process that trains ended"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy])
def test_errors_go_through_pickle_whole(error, copied):
    """As Ray and multiprocessing carry them."""
    other = copied(error)
    assert type(other) is type(error)
    assert str(other) == str(error)
    assert vars(other) == vars(error)


def test_every_kind_of_user_error_is_pickled_above():
    ours = {
        kind for kind in _concrete(UserError) if kind.__module__.startswith(("models", "tuner"))
    }
    assert {type(error) for error in ERRORS} == ours


def test_a_run_is_named_by_what_finds_it():
    nested = Path("/runs/first/confirmations/2x2-a")
    assert f"`tuner show {nested}` reads it" in str(RunHeld(nested, "process 1 on here"))
    assert "`tuner show first` reads it" in str(RunHeld(Path("/runs/first"), "nobody", "first"))
    stored = str(RunExists(Path("s3://bucket/runs/first"), "s3://bucket/runs/first"))
    assert "'first' exists already in s3://bucket/runs: " in stored
    assert "`tuner resume s3://bucket/runs/first`" in stored
    assert "`tuner fetch s3://bucket/runs/first`" in stored
