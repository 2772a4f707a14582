"""The study's journal file, without waiting for the disk at every line.

Optuna's own writer asks the disk to confirm every line, 4 ms each here and fifteen lines a trial.
The operating system keeps what a process that dies has written; only a machine that loses its power
may lose the last lines, and the event log, which is the record, is written in the same way.
"""

import json
import os
from collections.abc import Iterable
from io import RawIOBase
from pathlib import Path
from typing import Any

from optuna.storages.journal import (
    BaseJournalBackend,
    JournalFileBackend,
    JournalFileSymlinkLock,
)


class StudyJournal(BaseJournalBackend):
    """Reads and writes Optuna's journal format, behind Optuna's own lock.

    Args:
        path: the file; made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = JournalFileBackend(str(path))
        self._lock = JournalFileSymlinkLock(str(path))

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Yield the entries from this number on."""
        yield from self._reader.read_logs(log_number_from)
        # Optuna's reader would keep the place of every line, of which only the last is asked for.
        places = self._reader._log_number_offset
        self._reader._log_number_offset = {0: 0, max(places): max(places.values())}

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write entries, in one piece."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        self._lock.acquire()
        try:
            with self._path.open("ab", buffering=0) as file:
                _write_whole(file, lines)
        finally:
            self._lock.release()


def _write_whole(file: RawIOBase, content: bytes) -> None:
    """Write all of it, or nothing: a disk that fills up takes a part of a line."""
    end = file.seek(0, os.SEEK_END)
    left = memoryview(content)
    try:
        while left:
            left = left[file.write(left) or 0 :]
    except OSError:
        file.truncate(end)
        raise
