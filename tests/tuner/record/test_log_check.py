import pytest

from tuner.record.events import EventLog, read_events
from tuner.record.log_check import check_log
from tuner.record.paths import RunPaths
from tuner.record.results import read_run


@pytest.fixture
def paths(tmp_path):
    """A log of two trials whose last line is a report."""
    paths = RunPaths(tmp_path / "first")
    with EventLog(paths.events_file, clock=iter(range(100)).__next__) as log:
        log.run("running")
        for number, name in enumerate("ab"):
            log.trial(name, number, {"lr": 0.1})
            log.start(name)
        log.report("a", 1, {"val/score": 0.5})
        log.end("a", "done", "epochs")
        log.report("b", 1, {"val/score": 0.25}, "checkpoints/b/checkpoint_000000")
    return paths


def said(paths):
    return [f"{finding.what}: {finding.remedy}" for finding in check_log(paths)[1]]


def mend(paths):
    for finding in check_log(paths)[1]:
        finding.mend()
    assert check_log(paths)[1] == []


def test_a_sound_log_and_one_that_was_never_begun(paths, tmp_path):
    assert check_log(paths) == (read_events(paths.events_file), [])
    assert check_log(RunPaths(tmp_path / "second")) == ([], [])


def test_a_log_that_is_cut_at_any_byte_of_its_last_line(paths):
    content = paths.events_file.read_bytes()
    whole = read_events(paths.events_file)
    start = content[:-1].rfind(b"\n") + 1
    for length in range(start + 1, len(content)):
        paths.events_file.write_bytes(content[:length])
        events, (finding,) = check_log(paths)
        if length == len(content) - 1:  # only the end of the line is missing
            assert (events, finding.remedy) == (whole, "ended")
        else:
            assert finding.what == f"events.jsonl, line 8: torn after {length - start} bytes"
            assert (events, finding.remedy) == (whole[:-1], "cut off")
        mend(paths)
        assert read_events(paths.events_file) == events


def test_zeros_that_a_power_failure_left_are_cut_off(paths):
    content = paths.events_file.read_bytes()
    paths.events_file.write_bytes(content + bytes(512))
    assert said(paths) == ["events.jsonl, line 9: torn after 512 bytes: cut off"]
    mend(paths)
    assert paths.events_file.read_bytes() == content


@pytest.mark.parametrize("count", [1, 3, 8])
def test_a_tail_that_is_there_twice(paths, count):
    content = paths.events_file.read_bytes()
    tail = b"".join(content.splitlines(keepends=True)[-count:])
    paths.events_file.write_bytes(content + tail + b'{"event": "st')
    assert "stand there twice: removed" in said(paths)[1]
    mend(paths)
    assert paths.events_file.read_bytes() == content


def test_a_damaged_line_is_set_aside_and_the_run_is_readable(paths):
    lines = paths.events_file.read_bytes().splitlines(keepends=True)
    lines[5] = b'{"event": "report", "tr\x00\xff\n'
    paths.events_file.write_bytes(b"".join(lines))
    (line,) = said(paths)
    assert line.startswith("events.jsonl, line 6: Invalid JSON")
    assert line.endswith("set aside in events.damaged.jsonl")
    mend(paths)
    assert paths.damaged_events_file.read_bytes() == lines[5]
    assert {row.trial: row.num_epochs for row in read_run(paths).rows} == {"a": 0, "b": 1}


def test_what_cannot_be_understood_without_a_line_is_set_aside_with_it(paths):
    lines = paths.events_file.read_bytes().splitlines(keepends=True)
    lines[3] = b"?\n"
    paths.events_file.write_bytes(b"".join(lines))
    assert [line.split(":")[0] for line in said(paths)] == [
        "events.jsonl, line 4",
        "events.jsonl, lines 5 to 8",
    ]
    mend(paths)
    assert [row.trial for row in read_run(paths).rows] == ["a"]
    assert paths.damaged_events_file.read_bytes() == lines[3] + lines[4] + lines[7]
