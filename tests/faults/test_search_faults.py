"""A real `tuner search` in a process of its own, to which something happens."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from models.training.checkpoints import read_checkpoint
from tuner.promotion.promotion import candidates, promote
from tuner.record.paths import RunPaths
from tuner.record.results import read_run
from tuner.record.search_copy import read_search
from tuner.running.study import CAUSE, open_storage
from tuner.running.study_rows import rows_of
from tuner.running.taking_over import take_over

pytestmark = pytest.mark.ray

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 120.0
SETTINGS = (
    "data.num_rows=300",
    "scheduler.max_epochs=400",
    "scheduler.grace_epochs=300",
    "budget.num_trials=3",
)


class SearchProcess:
    """`tuner search` on a few equations, with trials that are far too long to end."""

    def __init__(self, folder):
        self.paths = RunPaths(folder / "runs" / "faulty")
        self.errors = folder / "stderr.txt"
        # Ray's sockets need a short path.
        self.ray_folder = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        environment = {
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "TUNER_RUNS": str(folder / "runs"),
            "TUNER_PRESETS": str(folder / "presets"),
            "RAY_TMPDIR": str(self.ray_folder),
            "TMPDIR": str(self.temporary),
        }
        sets = [argument for setting in SETTINGS for argument in ("--set", setting)]
        command = [sys.executable, "-m", "tuner", "search", "grammar_vae/quickstart"]
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [*command, "--name", "faulty", *sets],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,  # as a shell gives every job a group of its own
            )

    def wait_until(self, condition, what):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, f"no {what}:\n{self.errors.read_text()}"
            time.sleep(0.05)

    def wait_for_reports(self, count=2):
        def reported():
            assert self.process.poll() is None, self.errors.read_text()
            log = self.paths.events_file
            return log.exists() and log.read_text().count('"event": "report"') >= count

        self.wait_until(reported, "report")

    def signal(self, number):
        """Send a signal to the whole group, as a terminal does, so to Ray's processes too."""
        os.killpg(self.process.pid, number)

    def num_processes(self):
        """Return how many processes have our Ray's folder in their command line."""
        found = 0
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                found += str(self.ray_folder).encode() in file.read_bytes()
            except OSError:
                continue
        return found

    def clean_up(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.ray_folder, ignore_errors=True)


@pytest.fixture
def search(tmp_path):
    process = SearchProcess(tmp_path)
    yield process
    process.clean_up()


def test_ctrl_c_keeps_everything_and_leaves_nothing_behind(search, tmp_path, monkeypatch):
    search.wait_for_reports()
    search.signal(signal.SIGINT)
    assert search.process.wait(timeout=PATIENCE_S) == 130

    said = search.errors.read_text()
    assert "Ctrl-C: ending the search" in said
    assert "`tuner promote faulty` makes presets" in said
    assert "Traceback" not in said
    assert search.num_processes() == 0
    assert list(search.ray_folder.iterdir()) == []
    assert list(search.temporary.glob("tuner-*")) == []

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
    search.wait_for_reports()
    search.process.kill()
    search.process.wait()
    search.wait_until(lambda: search.num_processes() == 0, "end of Ray's processes")
    search.wait_until(lambda: not list(search.ray_folder.iterdir()), "end of Ray's folder")

    run = read_run(search.paths)
    assert run.status == "died"
    assert {row.state for row in run.rows} <= {"interrupted", "queued"}
    assert any(row.curve for row in run.rows)
    searched = read_search(search.paths)
    for row in rows_of(searched, take_over(search.paths, searched)):  # as a resume writes them
        assert row.state is TrialState.FAIL
        assert row.user_attrs[CAUSE] == "interrupted"
