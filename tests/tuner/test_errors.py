from pathlib import Path

from models.errors import UserError
from tuner.errors import RunCorrupt, RunExists, SearchInvalid, mistakes_of


def test_one_mistake_and_several_are_counted():
    assert str(SearchInvalid("a.yaml", ["x: is odd"])) == "a.yaml: a mistake\n  x: is odd"
    assert str(SearchInvalid("a.yaml", ["x", "y"])).startswith("a.yaml: 2 mistakes\n  x\n  y")


def test_the_file_is_named_once():
    assert SearchInvalid("a.yaml", ["a.yaml: x is odd"]).mistakes == ("x is odd",)


def test_mistakes_are_taken_apart_again():
    assert list(mistakes_of(SearchInvalid("a.yaml", ["x", "y"]))) == ["x", "y"]
    assert list(mistakes_of(UserError("data: x\ndata: y"))) == ["data: x", "data: y"]


def test_errors_of_runs_are_for_users():
    assert isinstance(RunExists(Path("runs/a")), UserError)
    assert "events.jsonl, line 3: torn" in str(RunCorrupt(Path("events.jsonl"), 3, "torn"))
