import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from tuner.errors import RunCorrupt
from tuner.record.events import (
    EventLog,
    RunChanged,
    TrialCreated,
    TrialEnded,
    TrialReported,
    TrialStarted,
    read_events,
    render_event,
)

times = st.floats(0, 2e9)
names = st.text(min_size=1, max_size=8)
maybe = st.none() | st.text(max_size=8)
finite = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
metrics = st.dictionaries(names, st.floats())
events = st.one_of(
    st.builds(
        TrialCreated,
        trial=names,
        number=st.integers(0),
        params=st.dictionaries(names, values),
        time=times,
    ),
    st.builds(TrialStarted, trial=names, time=times, node=maybe),
    st.builds(
        TrialReported,
        trial=names,
        epoch=st.integers(1),
        metrics=metrics,
        time=times,
        checkpoint=maybe,
    ),
    st.builds(
        TrialEnded,
        trial=names,
        state=st.sampled_from(["done", "stopped", "failed", "interrupted"]),
        time=times,
        cause=maybe,
        message=maybe,
    ),
    st.builds(
        RunChanged,
        status=st.sampled_from(["running", "finished", "interrupted", "failed"]),
        time=times,
        message=maybe,
    ),
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "run" / "events.jsonl"


def write_three(file):
    with EventLog(file, clock=lambda: 7.0) as log:
        log.trial("t1", 0, {"beta": 0.1, "encoder_kernel": [3, 5]})
        log.start("t1", node="host")
        log.report("t1", 1, {"val/seq_acc": 0.5}, checkpoint="checkpoints/t1/a.ckpt")


def test_events_come_back_in_order(file):
    write_three(file)
    with EventLog(file, clock=lambda: 9.0) as log:
        log.end("t1", "stopped", cause="rung 1")
        log.run("finished")
    assert read_events(file) == [
        TrialCreated(
            trial="t1", number=0, params={"beta": 0.1, "encoder_kernel": [3, 5]}, time=7.0
        ),
        TrialStarted(trial="t1", time=7.0, node="host"),
        TrialReported(
            trial="t1",
            epoch=1,
            metrics={"val/seq_acc": 0.5},
            time=7.0,
            checkpoint="checkpoints/t1/a.ckpt",
        ),
        TrialEnded(trial="t1", state="stopped", cause="rung 1", time=9.0),
        RunChanged(status="finished", time=9.0),
    ]


@given(event=events)
@settings(deadline=None)
def test_any_event_survives_its_line(event, tmp_path_factory):
    file = tmp_path_factory.mktemp("log") / "events.jsonl"
    line = render_event(event)
    assert line.count("\n") == 1
    json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    file.write_text(line)
    assert repr(read_events(file)) == repr([event])  # repr, since NaN differs from itself


def test_event_is_on_disk_before_the_log_is_closed(file):
    log = EventLog(file)
    log.run("running")
    assert len(read_events(file)) == 1
    log.close()


def test_missing_log_holds_no_events(file):
    assert read_events(file) == []


@pytest.mark.parametrize("length", range(1, 40, 7))
def test_torn_last_line_is_left_out_and_cut_off_by_the_next_writer(file, length):
    write_three(file)
    whole = read_events(file)
    file.write_bytes(file.read_bytes() + render_event(whole[0]).encode()[:length])
    assert read_events(file) == whole
    with EventLog(file, clock=lambda: 8.0) as log:
        log.run("interrupted")
    assert read_events(file) == [*whole, RunChanged(status="interrupted", time=8.0)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "Invalid JSON"),
        ("", "Invalid JSON"),
        ("[1]", "Input should be"),
        ('{"time": 1.0}', "Unable to extract tag using discriminator 'event'"),
        ('{"event": "retired"}', "Input tag 'retired' .* expected tags: 'trial', 'start'"),
        ('{"event": "start", "time": 1.0}', "start.trial: Field required"),
        ('{"event": "run", "status": "lost", "time": 1.0}', "run.status: Input should be"),
        ('{"event": "report", "trial": "t", "epoch": "1", "metrics": {}, "time": 1.0}', "epoch"),
        (
            '{"event": "report", "trial": "t", "epoch": 1, "metrics": {"a": "x"}, "time": 1.0}',
            "report.metrics.a: Input should be a valid number",
        ),
    ],
)
def test_corrupt_line_is_reported_with_its_number(file, line, problem):
    write_three(file)
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], line, *lines[1:]]) + "\n")
    with pytest.raises(RunCorrupt, match=f"events.jsonl, line 2: .*{problem}") as caught:
        read_events(file)
    assert caught.value.line == 2


def test_full_disk_leaves_whole_lines_behind(file):
    class FullDisk:
        """Takes ten bytes, then none."""

        def __init__(self, inner):
            self.inner, self.room = inner, 10

        def write(self, data):
            if not self.room:
                raise OSError(28, "No space left on device")
            self.room = 0
            return self.inner.write(bytes(data)[:10])

        def __getattr__(self, name):
            return getattr(self.inner, name)

    write_three(file)
    whole = file.read_bytes()
    log = EventLog(file)
    log._file = FullDisk(log._file)
    with pytest.raises(UserError, match=r"No space left.*Free disk space"):
        log.run("finished")
    assert file.read_bytes() == whole
    log.close()


def test_folder_in_the_way_is_a_user_error(file):
    file.mkdir(parents=True)
    with pytest.raises(UserError, match="cannot be written"):
        EventLog(file)
