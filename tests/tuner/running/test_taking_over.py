import pytest

from tuner.record.events import EventLog
from tuner.record.paths import RunPaths
from tuner.running.taking_over import take_over

ASHA = "scheduler={name: asha, max_epochs: 9, grace_epochs: 1, reduction_factor: 3}"


@pytest.fixture
def paths(tmp_path):
    return RunPaths(tmp_path / "run")


@pytest.fixture
def log(paths):
    with EventLog(paths.events_file, clock=lambda: 7.0) as log:
        log.run("running")
        yield log


def report(log, number, *values, finished=None):
    name = f"t{number}"
    log.trial(name, number, {"lr": 0.5})
    log.start(name)
    for epoch, value in enumerate(values, 1):
        log.report(name, epoch, {"val/score": value}, None, finished)


def state(past):
    return [(row.state, row.cause) for row in past.rows]


def test_trials_of_a_killed_driver_are_interrupted_and_the_log_says_so(log, paths, make_search):
    report(log, 0, 0.1, 0.2)
    log.trial("t1", 1, {"lr": 0.5})
    past = take_over(paths, make_search())
    assert state(past) == [("interrupted", None), ("queued", None)]
    assert not past.was_driven
    size = paths.events_file.stat().st_size
    take_over(paths, make_search())
    assert paths.events_file.stat().st_size == size


@pytest.mark.parametrize("finished", ["epochs", "early_stop"])
def test_a_last_report_that_ends_its_trial_ends_it(log, paths, make_search, finished):
    report(log, 0, 0.1, 0.2, finished=finished)
    assert state(take_over(paths, make_search())) == [("done", finished)]


def test_a_log_that_does_not_say_why_a_trial_ended_knows_its_last_epoch(log, paths, make_search):
    report(log, 0, 0.1, 0.2, 0.3, 0.4)
    assert state(take_over(paths, make_search())) == [("done", "epochs")]


def test_a_last_report_that_falls_behind_at_a_rung_stops_its_trial(log, paths, make_search):
    report(log, 0, 0.9, 0.9)
    report(log, 1, 0.8)
    report(log, 2, 0.95)
    past = take_over(paths, make_search(ASHA))
    assert state(past) == [("interrupted", None), ("stopped", "rung 1"), ("interrupted", None)]


def test_a_torn_last_line_is_cut_off(log, paths, make_search):
    report(log, 0, 0.1)
    whole = paths.events_file.read_bytes()
    paths.events_file.write_bytes(whole + b'{"event": "report", "trial": "t0", "epo')
    past = take_over(paths, make_search())
    assert past.rows[0].num_epochs == 1
    content = paths.events_file.read_bytes()
    assert content.startswith(whole)
    assert b'"event": "end"' in content[len(whole) :].splitlines()[0]


def test_a_run_that_ended_in_order_is_left_as_it_is(log, paths, make_search):
    report(log, 0, 0.1)
    log.end("t0", "stopped", "budget")
    log.run("finished")
    content = paths.events_file.read_bytes()
    assert [row.number for row in take_over(paths, make_search()).unfinished] == [0]
    assert paths.events_file.read_bytes() == content
