"""The process beside a search, fed by a log that the test writes, told of by a local server."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tuner.errors import SearchInterrupted
from tuner.record.events import EventLog, read_events
from tuner.record.past import past_of
from tuner.running.following import following
from tuner.running.runner import RunOptions, run_search

REPOSITORY = Path(__file__).parents[3]
PATIENCE_S = 60.0


@pytest.fixture
def told(tmp_path):
    """Return what writes a line of JSON a notification, and a function that reads them."""
    file = tmp_path / "told.jsonl"

    def read():
        lines = file.read_text().splitlines(keepends=True) if file.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    read.command = f"cat >> {file}; echo >> {file}"
    return read


def past(run):
    return past_of(read_events(run.paths.events_file), run.paths.events_file)


def one_trial(log):
    log.run("running")
    log.trial("x", 7, {"lr": 0.5})
    log.start("x")
    log.report("x", 1, {"val/score": 0.25})
    log.end("x", "done", "epochs")


def followers_of(driver):
    """Return the processes that follow, of all that the driver started."""
    found = set()
    for one in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            parent = (one / "stat").read_text().rpartition(")")[2].split()[1]
            if (
                parent == str(driver)
                and b"tuner.running.follower" in (one / "cmdline").read_bytes()
            ):
                found.add(one)
    return found


def has_ended(process):
    """Return whether a process is gone, or nobody has asked yet how it ended."""
    try:
        return not (process / "cmdline").read_bytes()
    except OSError:
        return True


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_search_is_told_of_from_start_to_end(new_run, make_search, told):
    search = make_search(f"notify={{command: '{told.command}'}}")
    run, said = new_run("first", search), []
    with (
        following(search, run.paths, past(run), said.append),
        EventLog(run.paths.events_file) as log,
    ):
        one_trial(log)
        log.run("finished")
    assert [note["event"] for note in told()] == ["start", "best", "end"]
    assert told()[1]["trial"] == 7
    assert said == []


def test_a_resumed_run_tells_nothing_of_its_past(fake_run, make_search, told):
    search = make_search(f"notify={{command: '{told.command}', events: [start, best, failure]}}")
    with (
        following(search, fake_run.paths, past(fake_run), print),
        EventLog(fake_run.paths.events_file) as log,
    ):
        one_trial(log)
        log.run("finished")
    assert [note["message"] for note in told()] == [
        "first: goes on after 4 trials, 4 trials of fake"
    ]


def test_a_webhook_that_fails_is_said_once_and_its_url_nowhere(new_run, make_search, monkeypatch):
    monkeypatch.setenv("HOOK", "http://user:pass@127.0.0.1:9/s3cret?token=abc")
    search = make_search("notify.webhook=$HOOK")
    run, said = new_run("first", search), []
    with (
        following(search, run.paths, past(run), said.append),
        EventLog(run.paths.events_file) as log,
    ):
        one_trial(log)
        log.run("finished")
    assert said == [
        "the webhook http://127.0.0.1:9/*** cannot be told (it cannot be reached: "
        "ConnectionError); the search goes on"
    ]
    log = run.paths.log_file.read_text()
    assert log.count("cannot be told") >= 2
    for file in run.paths.folder.rglob("*"):
        if file.is_file():
            assert not {"s3cret", "pass@", "abc"} & set(file.read_text().split())
            assert "s3cret" not in file.read_text()


def test_one_that_hangs_does_not_hold_up_the_end(new_run, make_search, tmp_path):
    line = f"echo $$ > {tmp_path}/hung; sleep 600"
    search = make_search(f"notify={{command: '{line}'}}")
    run, said = new_run("first", search), []
    with pytest.raises(SearchInterrupted), following(search, run.paths, past(run), said.append):
        with EventLog(run.paths.events_file) as log:
            one_trial(log)
            wait_until((tmp_path / "hung").exists)
            log.run("interrupted")
        began = time.monotonic()
        raise SearchInterrupted(exit_code=143)
    assert time.monotonic() - began < 60  # the command takes ten minutes
    assert len(said) == 1
    assert "no end of the delivery within" in said[0]
    hung = (tmp_path / "hung").read_text().strip()
    wait_until(lambda: has_ended(Path("/proc", hung)))


def test_a_variable_that_is_gone_keeps_no_run_from_going_on(fake_run, make_search, told):
    search = make_search(
        f"notify={{command: '{told.command}', webhook: $NO_SUCH_HOOK, events: [end]}}"
    )
    said = []
    with (
        following(search, fake_run.paths, past(fake_run), said.append),
        EventLog(fake_run.paths.events_file) as log,
    ):
        log.run("running")
        log.run("finished")
    assert said[0].startswith("notify.webhook names the variable NO_SUCH_HOOK, which is not set")
    assert [note["event"] for note in told()] == ["end"]


def test_without_a_wish_nothing_is_started(new_run, make_search, monkeypatch):
    monkeypatch.setattr("tuner.running.following.start_module", pytest.fail)
    run = new_run("first")
    with following(make_search(), run.paths, past(run), print):
        pass


DRIVER = """
import sys, time
from pathlib import Path
import fake_model
from models.registry import MODELS
MODELS["fake"] = fake_model.fake_spec(Path("built_in.yaml"))
from tuner.record.events import EventLog
from tuner.record.past import Past
from tuner.record.paths import RunPaths
from tuner.record.search_copy import read_search
from tuner.running.following import following
paths = RunPaths(Path(sys.argv[1]))
with following(read_search(paths), paths, Past(), print), EventLog(paths.events_file) as log:
    log.run("running")
    print("ready", flush=True)
    time.sleep(600)
"""


def test_a_killed_driver_is_told_and_nothing_is_left(new_run, make_search, told):
    run = new_run("first", make_search(f"notify={{command: '{told.command}'}}"))
    folders = [str(REPOSITORY), str(REPOSITORY / "tests" / "tuner")]
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(run.paths.folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
        stdout=subprocess.PIPE,
    )
    with driver.stdout:
        assert driver.stdout.readline() == b"ready\n"
    wait_until(told)
    (follower,) = followers_of(driver.pid)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    wait_until(lambda: has_ended(follower))
    assert [note["event"] for note in told()] == ["start", "failure"]
    assert "its driver ended without a word" in told()[-1]["message"]


@pytest.mark.ray
def test_a_whole_search_tells(make_search, ray_instance, told):
    search = make_search(f"notify={{command: '{told.command}', events: [start, failure, end]}}")
    stream = io.StringIO()
    run_search(search, RunOptions(stream=stream, name="tiny"))
    assert [note["message"] for note in told()] == [
        "tiny: began, 4 trials of fake",
        f"tiny: finished, 4 trials, best val/score {told()[-1]['value']:.4f}",
    ]
    assert told()[-1]["counts"]["done"] == 4
