"""A disk that fills up at any write of the driver: one message, and a record that can be read."""

import errno
import io
import itertools

import pytest

import tuner.record.events
import tuner.running.study_journal
from models.errors import UserError
from tuner.cli import main
from tuner.record.paths import RunPaths
from tuner.record.results import read_run
from tuner.running.runner import RunOptions, run_search

FULL = errno.ENOSPC, "No space left on device"
FORBIDDEN = errno.EACCES, "Permission denied"


class FullDisk:
    """Lets so many writes through; from then on there is room for half a line."""

    def __init__(self, num_writes, error=FULL):
        self.left = num_writes
        self.error = error

    def wrap(self, file):
        return _File(self, file)

    def write(self, file, content):
        if self.left > 0:
            self.left -= 1
            return file.write(content)
        if self.left == 0:
            self.left = -1
            return file.write(bytes(content)[: len(content) // 2])
        raise OSError(*self.error)  # a new one, whose traceback holds no other search


class _File:
    def __init__(self, disk, file):
        self._disk, self._file = disk, file

    def write(self, content):
        return self._disk.write(self._file, content)

    def __getattr__(self, name):
        return getattr(self._file, name)


def fill_events(monkeypatch, disk):
    opened = tuner.record.events._open
    monkeypatch.setattr(tuner.record.events, "_open", lambda path: disk.wrap(opened(path)))


def fill_study(monkeypatch, disk):
    write = tuner.running.study_journal._write_whole
    monkeypatch.setattr(
        tuner.running.study_journal,
        "_write_whole",
        lambda file, lines: write(disk.wrap(file), lines),
    )


@pytest.fixture
def message_of(ray_instance, end_workers):
    """Return what runs a search that fails, and returns what it says."""

    def run(search):
        with pytest.raises(UserError) as caught:
            run_search(search, RunOptions(stream=io.StringIO(), name="tiny"))
        end_workers()
        return str(caught.value)

    return run


@pytest.mark.ray
def test_a_search_that_cannot_begin_its_study_leaves_nothing(
    make_search, message_of, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        fill_study(patch, FullDisk(2))
        said = message_of(make_search("budget.num_trials=3"))
    assert "the disk is full, so the search did not begin" in said
    assert "tuner resume" not in said
    assert not (tmp_path / "runs" / "tiny").exists()


@pytest.mark.ray
@pytest.mark.parametrize(("fill", "num_writes"), [(fill_events, 8), (fill_study, 6)])
def test_a_folder_that_takes_nothing_any_more_ends_a_search_in_order(
    make_search, message_of, tmp_path, monkeypatch, fill, num_writes
):
    with monkeypatch.context() as patch:
        fill(patch, FullDisk(num_writes, FORBIDDEN))
        said = message_of(make_search("resources.cpu=2", "budget.num_trials=3"))
    assert "ermission denied" in said
    assert "\n" not in said
    assert read_run(RunPaths(tmp_path / "runs" / "tiny")).status in ("failed", "running")


@pytest.mark.ray
@pytest.mark.parametrize(
    ("fill", "num_writes"),
    [(fill_events, 3), (fill_events, 8), (fill_study, 6), (fill_study, 15)],
)
def test_a_search_ends_in_order(
    make_search, message_of, tmp_path, monkeypatch, capsys, fill, num_writes
):
    search = make_search("resources.cpu=2", "budget.num_trials=3")
    with monkeypatch.context() as patch:
        fill(patch, FullDisk(num_writes))
        said = message_of(search)
    assert "No space left" in said or "the disk is full" in said
    assert "\n" not in said
    assert "Traceback" not in said

    run = read_run(RunPaths(tmp_path / "runs" / "tiny"))
    assert run.status in ("failed", "running")  # there was no room for the last word
    assert main(["show", "tiny"]) == 0
    capsys.readouterr()


def test_a_search_that_cannot_write_its_inputs_leaves_no_run(make_search, tmp_path, monkeypatch):
    """Of the four files that a run begins with any may be the one that finds no room."""
    from tuner.running.runner import _write_inputs
    from tuner.running.study_place import new_place

    for num_files in itertools.count():
        left = iter(range(num_files))

        def fsync(handle, left=left):
            if next(left, None) is None:
                raise OSError(28, "No space left on device")

        paths = RunPaths(tmp_path / "runs" / f"try-{num_files}")
        paths.folder.mkdir(parents=True)
        with monkeypatch.context() as patch:
            patch.setattr("models.config_file.os.fsync", fsync)
            try:
                _write_inputs(make_search(), paths, RunOptions(), new_place(paths, None), None)
            except UserError as error:
                assert "No space left" in str(error)
            else:
                break
        assert not paths.search_file.exists()
        assert [one for one in paths.folder.iterdir() if one.name.startswith(".")] == []
    assert num_files >= 3
