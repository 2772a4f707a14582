"""`tuner resume` after a real kill of a real driver, and against a driver that lives."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tuner.record.events import TrialReported, read_events
from tuner.record.paths import RunPaths
from tuner.record.results import read_run

pytestmark = pytest.mark.ray

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 120.0
SEARCH = (
    "search", "grammar_vae/quickstart", "--name", "faulty",
    "--set", "data.num_rows=300",
    "--set", "scheduler={name: fifo, max_epochs: 40}",
    "--set", "budget.num_trials=3",
)  # fmt: skip


class Machine:
    """Starts `tuner` in processes of their own, one after another."""

    def __init__(self, folder):
        self.paths = RunPaths(folder / "runs" / "faulty")
        self.ray_folder = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))  # sockets: a short path
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "TUNER_RUNS": str(folder / "runs"),
            "RAY_TMPDIR": str(self.ray_folder),
        }
        self.errors = folder / "stderr.txt"
        self.process = None

    def start(self, *arguments):
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tuner", *arguments],
                env=self.environment,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )

    def run(self, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "tuner", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def num_reports(self):
        if not self.paths.events_file.exists():
            return 0
        return self.paths.events_file.read_text().count('"event": "report"')

    def wait_for_reports(self, more):
        wanted, end = self.num_reports() + more, time.monotonic() + PATIENCE_S
        while self.num_reports() < wanted:
            assert self.process.poll() is None, self.errors.read_text()
            assert time.monotonic() < end, f"no report:\n{self.errors.read_text()}"
            time.sleep(0.02)

    def clean_up(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.ray_folder, ignore_errors=True)


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    yield machine
    machine.clean_up()


def test_a_run_that_is_killed_and_interrupted_ends_with_every_epoch_once(machine):
    machine.start(*SEARCH)
    machine.wait_for_reports(9)
    machine.process.kill()
    machine.process.wait()
    assert "`tuner resume faulty` goes on" in machine.run("show", "faulty").stdout
    killed = read_run(machine.paths)
    assert killed.status == "died"

    machine.start("resume", "faulty")
    machine.wait_for_reports(9)
    assert read_run(machine.paths).status == "running"
    second = machine.run("resume", "faulty")
    assert second.returncode == 2
    assert f"is driven by process {machine.process.pid} on " in second.stderr
    assert read_run(machine.paths).status == "running"  # the refused one took nothing from it
    os.killpg(machine.process.pid, signal.SIGINT)
    assert machine.process.wait(timeout=PATIENCE_S) == 130
    assert "`tuner resume faulty` goes on" in machine.errors.read_text()

    last = machine.run("resume", "faulty")
    assert last.returncode == 0, last.stderr
    run = read_run(machine.paths)
    assert run.status == "finished"
    assert [(row.number, row.state) for row in run.rows] == [(0, "done"), (1, "done"), (2, "done")]
    assert all([p.epoch for p in row.curve] == list(range(1, 41)) for row in run.rows)
    started = {row.trial: row.num_epochs for row in killed.rows}
    assert set(started) <= {row.trial for row in run.rows}
    reports = [e for e in read_events(machine.paths.events_file) if isinstance(e, TrialReported)]
    repeated = len(reports) - len({(report.trial, report.epoch) for report in reports})
    assert repeated <= len(started)  # at most the latest epoch of each
    drivers = json.loads(machine.paths.environment_file.read_text())["resumed"]
    assert len(drivers) == 2
