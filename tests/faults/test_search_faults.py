"""A real `tuner search` in a process of its own, to which something happens."""

import signal

import optuna
import pytest
from optuna.trial import TrialState
from tuner_process import PATIENCE_S, RunProcess

from models.training.checkpoints import read_checkpoint
from tuner.promotion.promotion import candidates, promote
from tuner.record.results import read_run
from tuner.record.search_copy import read_search
from tuner.running.study import CAUSE, open_storage
from tuner.running.study_rows import rows_of
from tuner.running.taking_over import take_over

pytestmark = pytest.mark.ray

SETTINGS = (
    "data.num_rows=300",
    "scheduler.max_epochs=400",
    "scheduler.grace_epochs=300",
    "budget.num_trials=3",
)


@pytest.fixture
def search(tmp_path):
    """Start `tuner search` on a few equations, with trials that are far too long to end."""
    process = RunProcess(tmp_path)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    sets = [argument for setting in SETTINGS for argument in ("--set", setting)]
    command = ("search", "grammar_vae/quickstart", "--name", "faulty", *sets)
    process.start(*command, TMPDIR=str(temporary))
    yield process
    process.clean_up()


def test_ctrl_c_keeps_everything_and_leaves_nothing_behind(search, tmp_path, monkeypatch):
    search.wait_for_reports(2)
    search.signal(signal.SIGINT)
    assert search.process.wait(timeout=PATIENCE_S) == 130

    said = search.said
    assert "Ctrl-C: ending the search" in said
    assert "`tuner promote faulty` makes presets" in said
    assert "Traceback" not in said
    assert search.processes() == []
    assert list(search.ray_folder.iterdir()) == []
    assert list((tmp_path / "tmp").glob("tuner-*")) == []

    run = read_run(search.paths)
    assert run.status == "interrupted"
    assert {row.state for row in run.rows} == {"interrupted"}
    rows = optuna.load_study(study_name="faulty", storage=open_storage(search.paths.study_file))
    assert {(row.state, row.user_attrs[CAUSE]) for row in rows.trials} == {
        (TrialState.FAIL, "interrupted")
    }

    best = candidates(run, read_search(search.paths))[0]
    assert best.best.epoch <= best.row.num_epochs
    monkeypatch.setenv("TUNER_PRESETS", str(tmp_path / "presets"))
    (promoted,) = promote(search.paths)
    checkpoint = read_checkpoint(promoted.preset.checkpoints[0])
    assert checkpoint["epoch"] >= 1


def test_a_killed_driver_takes_its_processes_along(search):
    search.wait_for_reports(2)
    search.kill()
    search.wait_until(lambda: search.processes() == [], "end of Ray's processes")
    search.wait_until(lambda: not list(search.ray_folder.iterdir()), "end of Ray's folder")

    run = read_run(search.paths)
    assert run.status == "died"
    assert {row.state for row in run.rows} <= {"interrupted", "queued"}
    assert any(row.curve for row in run.rows)
    searched = read_search(search.paths)
    for row in rows_of(searched, take_over(search.paths, searched)):  # as a resume writes them
        assert row.state is TrialState.FAIL
        assert row.user_attrs[CAUSE] == "interrupted"
