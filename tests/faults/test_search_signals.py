"""A search of the fake model in its own process: signals and the loss of Ray, at every moment."""

import json
import os
import signal
import time

import optuna
import pytest
from optuna.trial import TrialState
from tuner_process import FAKE_MODEL, PATIENCE_S, RunProcess, command_line

from tuner.record.results import read_run
from tuner.running.study import CAUSE, open_storage

pytestmark = pytest.mark.ray

IN_ORDER_S = 45.0
"""Ray itself notices after a minute that it was lost."""

SEARCH = """
model: fake
preset: plain
space:
  lr: {uniform: [0.1, 1.0]}
fixed: {epoch_s: 0.1}
objective: {metric: val/score, mode: max}
searcher: {sampler: random, seed: 3}
scheduler: {name: fifo, max_epochs: 4000}
budget: {num_trials: 3}
keep: {top_k: 2}
"""

DRIVER = """
import dataclasses, os, sys, time
from pathlib import Path

import fake_model
from models.registry import MODELS
from tuner.running import local_ray, ray_watch

def load_data(data, progress):
    Path("loading").touch()
    time.sleep(float(os.environ.get("LOADING_S", 0)))
    return fake_model.load_data(data, progress)

def slowly(function, seconds):
    def slow(*args, **options):
        Path("slow").touch()
        time.sleep(seconds)
        return function(*args, **options)
    return slow

if __name__ == "__main__":
    spec = fake_model.fake_spec(Path("built_in.yaml"))
    MODELS["fake"] = dataclasses.replace(spec, load_data=load_data)
    ray_watch._CLUSTER_PATIENCE_S = 3.0
    if os.environ.get("SLOW") == "end of Ray":
        local_ray._end = slowly(local_ray._end, 2)
    if os.environ.get("SLOW") == "record":
        from tuner.running.ray_session import prepare_environment
        prepare_environment()
        from tuner.running.recorder import Recorder
        Recorder.settle = slowly(Recorder.settle, 60)
    from tuner.cli import main
    sys.exit(main(sys.argv[1:]))
"""


class SearchProcess(RunProcess):
    """`tuner search` with trials that are far too long to end, unless told otherwise."""

    def __init__(self, folder):
        super().__init__(folder, "driver.py", on_path=FAKE_MODEL)
        (folder / "tiny.yaml").write_text(SEARCH)
        (folder / "driver.py").write_text(DRIVER)

    def start(self, *arguments, name="faulty", **variables):
        super().start("search", "tiny.yaml", "--name", name, *arguments, **variables)

    def wait_until(self, condition, what):
        super().wait_until(condition, what, alive=True)

    def events(self, kind):
        log = self.paths.events_file
        lines = log.read_text().splitlines(keepends=True) if log.exists() else []
        whole = [json.loads(line) for line in lines if line.endswith("\n")]
        return [event for event in whole if event["event"] == kind]

    def wait_for_reports(self, count=2):
        """Wait until two trials have reported so often."""

        def reported():
            trials = [event["trial"] for event in self.events("report")]
            return sum(trials.count(trial) >= count for trial in set(trials)) >= 2

        self.wait_until(reported, "reports")

    def wait_for_ray(self):
        """Wait until the driver is connected: from then on its log is there, and Ray's handler."""
        pattern = "*/session_*/logs/python-core-driver-*"
        self.wait_until(lambda: list(self.ray_folder.glob(pattern)), "driver's log")
        time.sleep(0.3)

    def ends_with(self, code, timeout=IN_ORDER_S):
        assert self.process.wait(timeout=timeout) == code, self.said
        assert "Traceback" not in self.said
        assert "*** SIG" not in self.said  # Ray's own handler

    def find(self, program):
        """Return the process ids of one of Ray's programs that use our folder."""
        return [pid for pid in self.processes() if program in command_line(pid).split(" ")[0]]

    def check_nothing_is_left(self, *, logs=False):
        deadline = time.monotonic() + IN_ORDER_S
        while (self.processes() or self.folders()) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert self.processes() == []
        assert self.folders() == []
        assert len(list(self.ray_folder.glob("ray-logs-tuner-*"))) == int(logs)

    def folders(self):
        return list(self.ray_folder.glob("tuner-*"))

    def check_rows(self):
        """Check that study and event log agree that all trials were interrupted."""
        run = read_run(self.paths)
        assert run.status == "interrupted"
        assert {row.state for row in run.rows} == {"interrupted"}
        assert any(point.checkpoint for row in run.rows for point in row.curve)
        study = optuna.load_study(study_name="faulty", storage=open_storage(self.paths.study_file))
        found = {(row.state, row.user_attrs[CAUSE]) for row in study.trials}
        assert found == {(TrialState.FAIL, "interrupted")}
        return run


@pytest.fixture
def search(tmp_path):
    process = SearchProcess(tmp_path)
    yield process
    process.clean_up()


def test_sigterm_while_data_load_and_ray_starts(search):
    search.start(LOADING_S="60")
    search.wait_until(lambda: search.find("gcs_server"), "Ray")
    search.wait_until((search.folder / "loading").exists, "loading")
    search.process.send_signal(signal.SIGTERM)
    search.ends_with(143)
    assert "nothing was recorded yet" in search.said
    search.check_nothing_is_left()
    assert list((search.folder / "runs").iterdir()) == []


def test_ctrl_c_while_workers_start(search):
    search.start()
    search.wait_until(lambda: search.events("run"), "run")
    os.killpg(search.process.pid, signal.SIGINT)
    search.ends_with(130)
    assert "Ctrl-C: ending the search" in search.said
    search.check_nothing_is_left()
    # A worker may have been ready: then its trial goes on, else there was nothing to record.
    assert search.paths.folder.exists() == ("`tuner resume faulty` goes on" in search.said)
    assert read_run(search.paths).status in ("created", "interrupted")


def test_sigterm_to_the_whole_group_while_trials_run(search):
    search.start()
    search.wait_for_reports()
    os.killpg(search.process.pid, signal.SIGTERM)
    search.ends_with(143)
    assert "SIGTERM: ending the search" in search.said
    assert "`tuner show faulty`" in search.said
    search.check_rows()
    assert search.printed.count("interrupted") == 2  # the leaderboard
    search.check_nothing_is_left()


def test_a_signal_while_ray_ends_leaves_a_finished_run(search):
    changes = ("budget.num_trials=1", "scheduler.max_epochs=1")
    search.start(*[a for c in changes for a in ("--set", c)], SLOW="end of Ray")
    search.wait_until((search.folder / "slow").exists, "end of Ray")
    search.process.send_signal(signal.SIGTERM)
    search.ends_with(143)
    assert read_run(search.paths).status == "finished"
    assert search.printed.count("done (epochs)") == 1
    search.check_nothing_is_left()


def test_the_second_signal_leaves_at_once_with_all_processes(search):
    search.start(SLOW="record")
    search.wait_for_reports()
    search.process.send_signal(signal.SIGTERM)
    search.wait_until((search.folder / "slow").exists, "end")
    search.process.send_signal(signal.SIGTERM)
    search.ends_with(143, timeout=20)  # not after the minute that its record takes
    search.check_nothing_is_left()


def test_the_next_search_ends_what_a_killed_group_left(search):
    """A batch system kills all processes of a job at once, the one that would clean up too."""
    search.start(LOADING_S="60")
    search.wait_for_ray()
    watchers = [pid for pid in search.processes() if "leftovers" in command_line(pid)]
    assert len(watchers) == 1
    for pid in [*watchers, search.process.pid]:
        os.kill(pid, signal.SIGKILL)
    search.process.wait()
    (old,) = search.folders()

    search.start(name="next", LOADING_S="60")
    search.wait_until(lambda: not old.exists(), "end of the old folder")
    search.wait_for_ray()
    assert [pid for pid in search.processes() if str(old) in command_line(pid)] == []
    search.process.send_signal(signal.SIGTERM)  # after Ray took the handler
    search.ends_with(143)
    search.check_nothing_is_left()


@pytest.mark.parametrize(
    ("program", "name"),
    [("raylet", "its process on this machine"), ("gcs_server", "its control service")],
)
def test_ray_lost_while_trials_run(search, program, name):
    search.start()
    search.wait_for_reports()
    os.kill(search.find(program)[0], signal.SIGKILL)
    search.ends_with(2)
    assert f"error: Ray was lost: {name}" in search.said
    assert "`tuner show faulty`" in search.said
    assert "state-dump" not in search.printed + search.said
    search.check_rows()
    search.check_nothing_is_left(logs=True)


def test_ray_lost_while_it_starts(search):
    search.start()
    search.wait_until(lambda: search.find("raylet"), "Ray")
    os.kill(search.find("raylet")[0], signal.SIGKILL)
    search.ends_with(2, timeout=PATIENCE_S)  # Ray itself waits for 30 s if it asks at that moment
    assert "error: Ray cannot be started on this machine" in search.said
    assert "its logs are in " in search.said
    assert list((search.folder / "runs").iterdir()) == []
    search.check_nothing_is_left(logs=True)


@pytest.fixture
def cluster(search, monkeypatch):
    """A head with two cores, beside the driver; `tests/cluster/test_nodes.py` loses other nodes."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # there may be a token in the home folder
    monkeypatch.setenv("PYTHONPATH", search.environment["PYTHONPATH"])
    monkeypatch.setenv("RAY_TMPDIR", str(search.ray_folder))
    (search.ray_folder / "ray").mkdir()
    from ray.cluster_utils import Cluster

    temporary = str(search.ray_folder / "head")
    settings = {"num_cpus": 2, "include_dashboard": False, "temp_dir": temporary}
    cluster = Cluster(initialize_head=True, connect=False, head_node_args=settings)
    yield cluster
    cluster.shutdown()


def test_the_head_of_a_cluster_is_lost(search, cluster):
    search.start("--address", cluster.address)
    search.wait_for_reports()
    for processes in cluster.head_node.all_processes.values():
        for each in processes:
            os.kill(each.process.pid, signal.SIGKILL)
    search.ends_with(2)
    assert "error: Ray was lost: its control service" in search.said
    search.check_rows()
