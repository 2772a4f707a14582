import pytest

from tuner.errors import RunCorrupt
from tuner.record.event_tail import EventTail
from tuner.record.events import EventLog, read_events


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def test_only_what_is_new_is_read(path):
    tail = EventTail(path)
    assert tail.read() == []
    with EventLog(path) as log:
        log.run("running")
        log.trial("a", 0, {})
        assert [event.event for event in tail.read()] == ["run", "trial"]
        assert tail.read() == []
        log.start("a")
        assert [event.event for event in tail.read()] == ["start"]
    assert tail.events == read_events(path)


def test_a_line_without_its_end_waits_for_it(path):
    with EventLog(path) as log:
        log.run("running")
        log.trial("a", 0, {"name": "two\r\nlines\u2028"})
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    tail = EventTail(path)
    assert len(tail.read()) == 1
    path.write_bytes(whole)
    assert [event.params for event in tail.read()] == [{"name": "two\r\nlines\u2028"}]


@pytest.mark.parametrize("rename", [True, False])
def test_a_log_that_was_written_anew_is_read_again(path, rename, tmp_path):
    with EventLog(path) as log:
        log.run("running")
        log.run("finished")
    tail = EventTail(path)
    tail.read()
    _, last = path.read_bytes().splitlines(keepends=True)
    other = tmp_path / "other" if rename else path
    other.write_bytes(last)
    other.replace(path)
    assert [event.status for event in tail.read()] == ["finished"]
    assert len(tail.events) == 1


def test_a_damaged_line_is_named_by_its_number(path):
    with EventLog(path) as log:
        log.run("running")
    tail = EventTail(path)
    tail.read()
    with path.open("a") as file:
        file.write("{}\n")
    with pytest.raises(RunCorrupt, match="line 2"):
        tail.read()
