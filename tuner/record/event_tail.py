"""An event log that is read while it grows: what is known already is not read again."""

import os
from collections.abc import Sequence
from pathlib import Path

from models.errors import UserError
from tuner.record.events import Event, parse_event


class EventTail:
    """Reads what was added to a log since it was last looked at.

    Args:
        path: the log; it may not be there yet.

    Attributes:
        events: all that were read so far, in order.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = 0
        self._offset = 0
        self.events: list[Event] = []

    def read(self) -> Sequence[Event]:
        """Return the new events; a last line without its end is left for the next time.

        A log that was written anew, as mending does, is read again from its start.

        Raises:
            RunCorrupt: a line that cannot be an event.
            UserError: the file cannot be read.
        """
        try:
            with self._path.open("rb") as file:
                self._notice_other_file(os.fstat(file.fileno()))
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UserError(f"{self._path}: cannot be read: {error.strerror or error}") from error
        whole = content[: content.rfind(b"\n") + 1]
        first = len(self.events) + 1
        lines = enumerate(whole.split(b"\n")[:-1], start=first)
        new = [parse_event(line, self._path, number) for number, line in lines]
        self._offset += len(whole)
        self.events += new
        return new

    def _notice_other_file(self, status: os.stat_result) -> None:
        if status.st_ino != self._file or status.st_size < self._offset:
            self._file, self._offset, self.events = status.st_ino, 0, []
