"""`tuner resume` after a real kill of a real driver, and against a driver that lives."""

import json
import signal

import pytest
from tuner_process import PATIENCE_S, RunProcess

from tuner.record.events import TrialReported, read_events
from tuner.record.results import read_run

pytestmark = pytest.mark.ray

SEARCH = (
    "search", "grammar_vae/quickstart", "--name", "faulty",
    "--set", "data.num_rows=300",
    "--set", "scheduler={name: fifo, max_epochs: 40}",
    "--set", "budget.num_trials=3",
)  # fmt: skip


@pytest.fixture
def machine(tmp_path):
    machine = RunProcess(tmp_path)
    yield machine
    machine.clean_up()


def test_a_run_that_is_killed_and_interrupted_ends_with_every_epoch_once(machine):
    machine.start(*SEARCH)
    machine.wait_for_reports(9)
    machine.kill()
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
    machine.signal(signal.SIGINT)
    assert machine.process.wait(timeout=PATIENCE_S) == 130
    assert "`tuner resume faulty` goes on" in machine.said

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
