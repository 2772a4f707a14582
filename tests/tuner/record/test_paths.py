import json
import os
from datetime import datetime

import pytest

from models.errors import UserError
from tuner.errors import RunExists
from tuner.record.liveness import driver_identity
from tuner.record.paths import (
    RunPaths,
    check_run_name,
    create_run,
    find_run,
    list_runs,
    runs_folder,
)

NOW = datetime(2026, 11, 22, 9, 5, 7)


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    folder = tmp_path / "runs"
    monkeypatch.setenv("TUNER_RUNS", str(folder))
    return folder


def begin(name, time_s=0):
    run = create_run(name)
    run.search_file.write_text("model: grammar_vae\n")
    os.utime(run.search_file, (time_s, time_s))
    return run


def test_runs_lie_in_the_working_folder_unless_told(tmp_path, monkeypatch):
    monkeypatch.delenv("TUNER_RUNS")
    monkeypatch.chdir(tmp_path)
    assert runs_folder() == tmp_path / "runs"


def test_new_run_has_an_empty_folder(runs):
    run = create_run("first")
    assert run.folder == runs / "first"
    assert list(run.folder.iterdir()) == []


def test_every_file_of_a_run_lies_in_its_folder_under_a_name_of_its_own(runs):
    run = create_run("first")
    named = [getattr(run, key) for key, value in vars(RunPaths).items() if type(value) is property]
    files = [path for path in named if path != run.name]
    assert len(set(files)) == len(files) > 8
    assert all(path.parent == run.folder for path in files)


def test_existing_run_is_never_written_over():
    create_run("first")
    with pytest.raises(RunExists, match=r"'first' exists .* another --name.*tuner show first"):
        create_run("first")


def test_made_up_name_holds_the_search_and_the_time():
    assert create_run(search_stem="quickstart", now=NOW).name == "quickstart-20261122-090507"


def test_two_searches_in_one_second_get_two_runs():
    names = [create_run(search_stem="quickstart", now=NOW).name for _ in range(2)]
    assert names == ["quickstart-20261122-090507", "quickstart-20261122-090507-2"]


def test_made_up_name_is_legal_for_any_file_name():
    assert check_run_name(create_run(search_stem="my search (ü)" * 20, now=NOW).name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-x", ".hidden", "a b", "ü", "x" * 101])
def test_name_that_is_no_plain_folder_is_refused(name):
    with pytest.raises(UserError, match="letters, digits"):
        create_run(name)


def test_run_is_found_by_name_and_by_path(runs, monkeypatch):
    run = begin("first")
    assert find_run("first") == run
    monkeypatch.chdir(run.folder)
    assert find_run(".") == run
    assert find_run(str(runs / "first")) == run


def test_search_that_was_ended_before_it_began_is_told():
    create_run("first")
    with pytest.raises(UserError, match="holds no run: its search was ended before it began"):
        find_run("first")


def test_what_a_path_without_a_run_holds_is_told(tmp_path):
    run = RunPaths(tmp_path / "else" / "first")
    run.folder.mkdir(parents=True)
    run.lock_file.write_text(json.dumps({**driver_identity(), "pid_started": -1}))  # it has ended
    run.events_file.write_text('{"event": "run", "status": "running"}\n')

    def told(place, *words):
        with pytest.raises(UserError) as refused:
            find_run(str(place))
        assert all(word in str(refused.value) for word in words), str(refused.value)

    storage = f"`tuner search FILE --name first --storage {tmp_path}/else`"
    told(run.folder, "unknown run '", "ended before it began (it has driver.lock, events.jsonl and "
         "no search.yaml)", storage)  # fmt: skip
    run.lock_file.write_text(json.dumps(driver_identity()))
    told(run.folder, f"holds no run yet: process {os.getpid()} starts Ray")
    run.events_file.write_text('{"event": "trial", "trial": "a", "number": 0}\n')
    told(run.folder, "holds the trials of a run, and its search.yaml is gone")
    run.search_file.touch()
    told(run.folder.parent, "holds 1 run and is none itself: take it, as", "else/first")
    told(run.events_file, "events.jsonl is a file, one of the run in", "else/first: give that")
    (tmp_path / "trained").mkdir()
    (tmp_path / "trained" / "run.yaml").touch()
    told(tmp_path / "trained", "is the folder of one training, as its run.yaml says")
    (tmp_path / "trained" / "run.yaml").rename(tmp_path / "trained" / "notes.txt")
    told(tmp_path / "trained", "holds no run: it has notes.txt, and no search.yaml")
    told(tmp_path / "nowhere", "unknown run in")


def test_folder_of_verifications_names_its_runs(runs):
    for name in ("0x3-b", "0x2-a"):
        run = RunPaths(runs / "verify-good" / "confirmations" / name)
        run.folder.mkdir(parents=True)
        run.search_file.touch()
    with pytest.raises(UserError, match=r"verify a preset \(0x2-a, 0x3-b\).*`tuner show 0x2-a`"):
        find_run("verify-good")
    assert find_run("0x2-a").folder == runs / "verify-good" / "confirmations" / "0x2-a"


@pytest.mark.parametrize("name", [".", "..", "first/.."])
def test_other_folders_are_no_search_that_was_ended(name):
    begin("first")
    with pytest.raises(UserError, match="unknown run"):
        find_run(name)


def test_unknown_run_names_the_nearest():
    begin("quickstart-a")
    with pytest.raises(UserError, match=r"'quickstrat-a'.*Did you mean 'quickstart-a'"):
        find_run("quickstrat-a")
    with pytest.raises(UserError, match="lies in a bucket: `tuner fetch s3://b/runs/first`"):
        find_run("s3://b/runs/first")


def test_runs_are_listed_oldest_first_and_other_folders_left_out(runs):
    for name, time_s in (("b", 2), ("a", 3), ("c", 1)):
        begin(name, time_s)
    (runs / "notes").mkdir()
    assert [run.name for run in list_runs()] == ["c", "b", "a"]


def test_no_runs_folder_means_no_runs():
    assert list_runs() == []


def test_file_in_the_way_is_a_user_error(runs):
    runs.write_text("")
    with pytest.raises(UserError, match="cannot be made"):
        create_run("first")


def test_recorded_path_survives_a_move_of_the_run(runs):
    run = create_run("first")
    file = run.trial_checkpoints("t1") / "last.ckpt"
    assert run.relative(file) == "checkpoints/t1/last.ckpt"
