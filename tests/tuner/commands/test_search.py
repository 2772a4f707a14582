"""`tuner search` before anything runs: which run is gone on with, what `--storage` means."""

import json

import pytest

from models.errors import UserError
from tuner.commands.search import begun_run, show_end, split_storage
from tuner.errors import RunExists
from tuner.record.results import read_run


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNER_RUNS", str(tmp_path / "runs"))


def test_run_of_the_same_search_is_gone_on_with(runs, fake_run, make_search) -> None:
    assert begun_run(make_search(), "first") == fake_run.paths


def test_run_that_is_not_there_begins(runs, make_search) -> None:
    assert begun_run(make_search(), "other") is None


def test_run_of_another_search_is_left_alone(runs, fake_run, make_search) -> None:
    with pytest.raises(RunExists, match="exists already"):
        begun_run(make_search("budget.num_trials=7"), "first")


@pytest.mark.parametrize("name", ["../first", "/tmp/first", ".."])
def test_names_cannot_leave_the_folder_of_runs(runs, make_search, name) -> None:
    with pytest.raises(UserError, match="cannot be used"):
        begun_run(make_search(), name)


def test_going_on_needs_a_name(make_search) -> None:
    with pytest.raises(UserError, match="give it a --name"):
        begun_run(make_search(), None)


def test_storage_is_a_place_and_a_database() -> None:
    assert split_storage([]) == (None, None)
    assert split_storage(["/runs", "postgresql://h/d"]) == ("/runs", "postgresql://h/d")
    with pytest.raises(UserError, match="names 2 databases"):
        split_storage(["sqlite:///a", "mysql://h/d"])


def test_end_names_only_what_can_be_looked_at_and_win(new_run, make_search, capsys) -> None:
    run = new_run("begun")
    said = []
    for step in (lambda: None, lambda: run.trial("a", []), lambda: run.trial("b", [0.5])):
        step()
        show_end(lambda: read_run(run.paths), make_search())
        said.append(capsys.readouterr().out)
    assert ["tuner show" in one for one in said] == [False, True, True]
    assert ["tuner promote" in one for one in said] == [False, False, True]


def test_end_of_what_trains_others_again_names_the_command_that_judges_it(
    new_run, make_search, capsys
) -> None:
    run = new_run("first/confirmations/2x2-abc")
    run.trial("a", [0.5])
    command = ["/bin/tuner", "promote", "first", "--top", "2", "--confirm_seeds", "2"]
    run.paths.environment_file.write_text(json.dumps({"command": command}))
    show_end(lambda: read_run(run.paths), make_search())
    assert capsys.readouterr().out.endswith("\n  tuner promote first --top 2 --confirm_seeds 2\n")
