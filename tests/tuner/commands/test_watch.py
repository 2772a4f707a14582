"""`tuner show --watch`, in a process of its own, of a run that the test writes."""

import codecs
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tuner.cli import main
from tuner.record.environment import render
from tuner.record.events import EventLog
from tuner.record.liveness import driver_identity
from tuner.record.search_copy import write_search

TUNER = """
import sys
from pathlib import Path
import fake_model
from models.registry import MODELS
MODELS["fake"] = fake_model.fake_spec(Path("built_in.yaml"))
from tuner.cli import main
sys.exit(main(sys.argv[1:]))
"""
PATIENCE_S = 60.0


class Watcher:
    """Runs the command, and collects what it prints."""

    def __init__(self, *arguments, stdout=subprocess.PIPE):
        self.process = subprocess.Popen(
            [sys.executable, "-c", TUNER, "show", *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [TESTS.parent, *FOLDERS]))},
            stdout=stdout,
            stderr=subprocess.PIPE,
        )
        self.text = ""

    def follow(self, stream):
        def read():
            text = codecs.getincrementaldecoder("utf-8")()  # a part may end within a letter
            with suppress(OSError):  # a terminal that is closed
                while part := os.read(stream, 65536):
                    self.text += text.decode(part)

        self.thread = threading.Thread(target=read, daemon=True)
        self.thread.start()

    def sees(self, pattern):
        deadline = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, self.text
            assert self.process.poll() is None or not time.sleep(0.5), self.text
            time.sleep(0.05)
        return True

    def end(self):
        code = self.process.wait(PATIENCE_S)
        self.thread.join(PATIENCE_S)
        return code, self.process.stderr.read().decode()


TESTS = Path(__file__).parents[2]
FOLDERS = [TESTS / "tuner"]


@pytest.fixture
def watch():
    started = []

    def start(*arguments, **options):
        watcher = Watcher(*arguments, **options)
        started.append(watcher.process)
        if watcher.process.stdout is not None:
            watcher.follow(watcher.process.stdout.fileno())
        return watcher

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def live(new_run):
    """A run that this process drives."""
    made = new_run("live")
    made.paths.environment_file.write_text(render(driver_identity()))
    made.paths.lock_file.write_text(json.dumps(driver_identity()))
    with EventLog(made.paths.events_file) as log:
        log.run("running")
        yield made.paths, log


def begin(log):
    log.trial("a", 0, {"lr": 0.5})
    log.start("a")


def test_a_table_is_printed_when_something_changed(live, watch):
    _, log = live
    watcher = watch("live", "--watch", "0.1")
    watcher.sees("live: running; no trials")
    begin(log)
    watcher.sees("live: running; 1 running")
    log.report("a", 1, {"val/score": 0.25})
    watcher.sees("0.2500")
    time.sleep(0.5)
    assert watcher.text.count("0.2500     1/1  0.2500") <= 1
    log.end("a", "done", "epochs")
    log.run("finished")
    assert watcher.end() == (0, "")
    assert watcher.text.rindex("live: finished; 1 done") > watcher.text.rindex("live: running")
    assert watcher.text.count("live: finished") == 1


def test_one_trial_is_watched_too(live, watch):
    _, log = live
    begin(log)
    watcher = watch("live", "--trial", "0", "--watch", "0.1")
    watcher.sees("running, 0 epochs")
    log.report("a", 1, {"val/score": 0.25})
    watcher.sees(r"\*1 +0.2500")
    log.run("interrupted")
    assert watcher.end() == (0, "")


def test_a_run_that_has_ended_is_shown_once(fake_run, watch):
    watcher = watch("first", "--watch")
    assert watcher.end() == (0, "")
    assert watcher.text.count("first: finished") == 1


def test_a_driver_that_is_gone_ends_it(live, watch):
    paths, _ = live
    driver = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = {**driver_identity(), "pid": driver.pid, "pid_started": None}
    paths.environment_file.write_text(render(identity))
    paths.lock_file.write_text(json.dumps(identity))
    watcher = watch("live", "--watch", "0.1")
    watcher.sees("live: running")
    driver.communicate()
    assert watcher.end() == (0, "")
    assert "ended without a word" in watcher.text


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_signals_end_it_in_order(live, watch, number, code):
    watcher = watch("live", "--watch", "0.1")
    watcher.sees("live: running")
    watcher.process.send_signal(number)
    found, said = watcher.end()
    assert found == code
    assert said == ("\nno longer watching; the run goes on\n" if code == 0 else "")


def test_a_terminal_is_drawn_in_place(live, watch):
    _, log = live
    ours, theirs = os.openpty()
    watcher = watch("live", "--watch", "0.1", stdout=theirs)
    os.close(theirs)
    watcher.follow(ours)
    begin(log)
    watcher.sees("1 running")
    log.report("a", 1, {"val/score": 0.25})
    watcher.sees("0.2500")
    log.run("finished")
    watcher.end()
    watcher.sees("live: finished")
    assert "\x1b[1A" in watcher.text  # up, to draw over what is there
    assert watcher.text.rindex("\x1b[?25h") > watcher.text.rindex("\x1b[?25l")  # cursor is back
    last = watcher.text[watcher.text.rindex("live: finished") :]
    assert "0.2500" in last
    os.close(ours)


def test_a_run_that_is_about_to_begin_is_waited_for(live, watch, make_search):
    paths, log = live
    paths.search_file.unlink()
    watcher = watch("live", "--watch", "0.1")
    told = watcher.process.stderr.readline().decode()
    assert told == "live has not begun yet: it starts Ray and loads its data\n"
    assert watcher.process.poll() is None
    write_search(make_search(), paths)
    watcher.sees("live: running")
    log.run("finished")
    code, said = watcher.end()
    assert (code, said) == (0, "")


def test_no_such_run(fake_run, capsys):
    assert main(["show", "firsst", "--watch"]) == 2
    assert "Did you mean 'first'?" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--json", "--watch"], ["--top", "1", "--trial", "1"]])
def test_flags_that_would_be_ignored_are_refused(fake_run, flags, capsys):
    assert main(["show", "first", *flags]) == 2
    assert "together: leave one out" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "first"])
def test_a_pause_that_is_none(seconds, capsys):
    with pytest.raises(SystemExit) as end:
        main(["show", "first", "--watch", seconds])
    assert end.value.code == 2
    assert "is no number of seconds above 0" in capsys.readouterr().err
