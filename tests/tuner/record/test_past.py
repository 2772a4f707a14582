import pytest

from tuner.record.events import EventLog, read_events
from tuner.record.past import Past, past_of


@pytest.fixture
def log(tmp_path):
    with EventLog(tmp_path / "events.jsonl", clock=lambda: log.now) as log:
        log.now = 0.0
        yield log


def past(log):
    return past_of(read_events(log._path), log._path)


def trial(log, number, state=None, cause=None):
    name = f"t{number}"
    log.trial(name, number, {})
    log.start(name)
    log.report(name, 1, {"val/score": 0.5})
    if state:
        log.end(name, state, cause)


def test_a_run_that_begins_has_no_past():
    assert (Past().unfinished, Past().finished, Past().spent_s) == ((), (), 0.0)


def test_what_was_cut_off_may_go_on(log):
    ends = [
        ("done", "epochs"),
        ("stopped", "rung 1"),
        ("stopped", "budget"),
        ("failed", "nan"),
        ("interrupted", None),
        ("interrupted", "disk"),
        (None, None),
    ]
    for number, end in enumerate(ends):
        trial(log, number, *end)
    log.trial("t7", 7, {})
    assert [row.number for row in past(log).unfinished] == [2, 4, 5, 6, 7]
    assert [row.number for row in past(log).finished] == [0, 1, 3]


def test_the_order_of_ends_is_that_of_the_last_ones(log):
    for number in (0, 1):
        trial(log, number, "interrupted")
    log.start("t0")
    log.end("t0", "done", "epochs")
    assert list(past(log).ends) == ["t1", "t0"]


def test_the_time_between_drivers_is_not_spent(log):
    for now, status, *said in [
        (0, "running"),
        (10, "running", "a note"),
        (60, "interrupted"),
        (1000, "running"),
        (1040, "finished"),
        (2000, "running"),
    ]:
        log.now = float(now)
        log.run(status, *said)
    log.now = 2005.0
    trial(log, 0)
    assert past(log).spent_s == 60 + 40 + 5
    assert past(log).was_driven


def test_a_clock_that_was_set_back_gives_no_time_back(log):
    log.now = 100.0
    log.run("running")
    log.now = 50.0
    log.run("finished")
    assert past(log).spent_s == 0.0
