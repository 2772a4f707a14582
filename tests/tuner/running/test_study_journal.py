import errno

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

import tuner.running.study_journal
from tuner.running.study_journal import StudyJournal


def make(path, backend=StudyJournal):
    return JournalStorage(backend(path if backend is StudyJournal else str(path)))


def test_optuna_reads_what_is_written(tmp_path):
    path = tmp_path / "study.journal"
    study = optuna.create_study(storage=make(path), study_name="first")
    study.tell(study.ask(), 0.5)
    theirs = optuna.load_study(storage=make(path, JournalFileBackend), study_name="first")
    assert [t.value for t in theirs.trials] == [0.5]
    theirs.tell(theirs.ask(), 0.7)
    assert [t.value for t in study.trials] == [0.5, 0.7]


def test_the_places_of_old_lines_are_not_kept(tmp_path):
    journal = StudyJournal(tmp_path / "study.journal")
    for number in range(100):
        journal.append_logs([{"a": number}])
        assert list(journal.read_logs(number)) == [{"a": number}]
    assert len(journal._reader._log_number_offset) == 2
    assert [line["a"] for line in journal.read_logs(97)] == [97, 98, 99]  # an older one still works


def test_a_full_disk_leaves_no_half_line(tmp_path, monkeypatch):
    path = tmp_path / "study.journal"
    journal = StudyJournal(path)
    journal.append_logs([{"a": 1}])
    whole = path.read_bytes()

    class Full:
        def __init__(self, file):
            self.file = file
            self.room = 3

        def write(self, content):
            if not self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.room = 0
            return self.file.write(content[:3])

        def __getattr__(self, name):
            return getattr(self.file, name)

    write = tuner.running.study_journal._write_whole
    monkeypatch.setattr(
        tuner.running.study_journal,
        "_write_whole",
        lambda file, content: write(Full(file), content),
    )
    with pytest.raises(OSError, match="No space left"):
        journal.append_logs([{"a": 2}])
    assert path.read_bytes() == whole
    monkeypatch.undo()
    journal.append_logs([{"a": 3}])  # the lock is free again
    assert list(StudyJournal(path).read_logs(0)) == [{"a": 1}, {"a": 3}]
