from collections import namedtuple
from dataclasses import replace

import pytest

from models.errors import UserError
from models.training.contracts import ModelCost
from tuner.cli import main
from tuner.estimate.disk import check_room, disk_need, free_on
from tuner.record.paths import RunPaths
from tuner.search.blocks import Budget, Keep, Objective

GB = 1000.0
Usage = namedtuple("Usage", "total used free")


def model(gb):
    return ModelCost(num_parameters=1, checkpoint_mb=gb * GB, memory_mb=1.0, rows_per_epoch=1)


SMALL, LARGE = model(0.1), model(1.0)


@pytest.fixture
def search(make_search):
    """At most 2 checkpoints a trial, of 20 trials, up to 40 epochs each."""
    return make_search("budget.num_trials=20", "scheduler.max_epochs=40")


@pytest.fixture
def free(monkeypatch):
    """Return a function that says how many GB are free."""

    def set_free(gb):
        usage = Usage(0, 0, int(gb * 1e9))
        monkeypatch.setattr("tuner.estimate.disk.shutil.disk_usage", lambda place: usage)

    return set_free


def test_running_trials_take_what_they_resume_from_and_their_best(search):
    need = disk_need(search, SMALL, LARGE, num_slots=4)
    assert need.least_gb == pytest.approx(4 * 2 * 0.1)
    assert need.running_gb == pytest.approx(4 * 2)
    assert need.most_gb == pytest.approx(4 * (2 + 3) + 2 * 2)


def test_a_limit_is_exceeded_by_what_is_being_written_only(search):
    limited = replace(search, keep=Keep(top_k=2, max_gb=9.0))
    assert disk_need(limited, SMALL, LARGE, num_slots=4).most_gb == pytest.approx(9 + 4)
    too_low = replace(search, keep=Keep(top_k=2, max_gb=1.0))
    assert disk_need(too_low, SMALL, LARGE, num_slots=4).most_gb == pytest.approx(4 + 2 + 4)


def test_there_are_no_more_trials_and_checkpoints_than_are_made(search):
    few = replace(search, budget=Budget(num_trials=1))
    assert disk_need(few, SMALL, LARGE, num_slots=4).most_gb == pytest.approx(5 + 2)
    short = replace(search, scheduler=replace(search.scheduler, max_epochs=3))
    assert disk_need(short, SMALL, LARGE, num_slots=4).most_gb == pytest.approx(4 * 3 + 2 * 2)


def test_on_the_front_of_several_objectives_all_trials_may_stand(search):
    objectives = (*search.objectives, Objective(metric="val/size", mode="min"))
    several = replace(search, objectives=objectives)
    assert disk_need(several, SMALL, LARGE, num_slots=4).most_gb == pytest.approx(20 + 20 * 2)


def test_a_disk_without_room_for_running_trials_is_refused(search, free, tmp_path):
    free(0.7)
    with pytest.raises(UserError, match=r"4 trials side by side need at least 0.8 GB.*0.7 GB are"):
        check_room(search, (SMALL, LARGE), 4, tmp_path)


@pytest.mark.parametrize(
    ("free_gb", "max_gb", "said"),
    [
        (100.0, None, []),
        (100.0, 20.0, []),
        (10.0, 20.0, ["keep.max_gb is 20, and 10 GB are free"]),
        (100.0, 5.0, ["need up to 8 GB to go on after a crash: where they do, it is exceeded"]),
        (10.0, None, ["checkpoints may take up to 24 GB, and 10 GB are free"]),
        (7.0, 7.0, ["need up to 8 GB", "of the largest model need 8 GB"]),
    ],
)
def test_what_may_go_wrong_is_told(search, free, tmp_path, free_gb, max_gb, said):
    free(free_gb)
    limited = replace(search, keep=Keep(top_k=2, max_gb=max_gb))
    warnings = check_room(limited, (SMALL, LARGE), 4, tmp_path)
    assert len(warnings) == len(said)
    for line, words in zip(warnings, said, strict=True):
        assert words in line


def test_what_a_run_has_written_is_not_asked_for_again(search, free, tmp_path):
    folder = RunPaths(tmp_path).trial_checkpoints("a") / "checkpoint_000001"
    folder.mkdir(parents=True)
    with (folder / "checkpoint.ckpt").open("wb") as file:
        file.truncate(200_000_000)  # without taking them
    free(0.7)
    assert check_room(search, (SMALL, LARGE), 4, tmp_path)


def test_a_folder_that_is_not_there_yet_is_on_the_disk_of_the_one_above(tmp_path):
    assert free_on(tmp_path / "runs" / "first") == pytest.approx(free_on(tmp_path), rel=0.1)


def test_check_tells_the_room_and_refuses_a_full_disk(make_search, free, capsys):
    file = make_search().source
    free(100.0)
    assert main(["check", file, "--no_measure"]) == 0
    assert "100 GB are free for " in capsys.readouterr().out
    assert main(["check", file, "--no_measure", "--set", "keep.max_gb=200"]) == 0
    assert "warning: keep.max_gb is 200, and 100 GB are free" in capsys.readouterr().out
    free(1e-6)
    assert main(["check", file, "--no_measure"]) == 2
    assert "error: " in (err := capsys.readouterr().err)
    assert "free space, let TUNER_RUNS be a folder on a larger disk" in err


@pytest.mark.ray
@pytest.mark.usefixtures("ray_instance")
def test_a_search_is_warned_or_does_not_begin(make_search, free, tmp_path, capsys):
    file = make_search().source
    free(1e-6)
    assert main(["search", file, "--name", "tiny"]) == 2
    assert "need at least" in capsys.readouterr().err
    assert not (tmp_path / "runs" / "tiny").exists()
    free(100.0)
    changes = ["--set", "keep.max_gb=200", "--set", "budget.num_trials=2"]
    assert main(["search", file, "--name", "tiny", *changes]) == 0
    assert "warning: keep.max_gb is 200, and 100 GB are free for " in capsys.readouterr().err
