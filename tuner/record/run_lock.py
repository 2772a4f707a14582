"""One driver at a time: a lock on a file in the run's folder, held as long as the process lives.

A POSIX lock belongs to the process: it goes with it however it ends, is not inherited by children,
survives no reboot and holds on a shared disk, too. It has a trap: a process loses it by closing the
file a second time, so whoever holds the lock must not open the file again.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from models.errors import UserError
from tuner.errors import RunHeld
from tuner.record.liveness import driver_identity
from tuner.record.paths import RunPaths

_held: set[str] = set()
"""The lock files of this process, which the system would let it lock again."""


@contextmanager
def hold_run(paths: RunPaths) -> Iterator[None]:
    """Hold a run inside the block.

    Raises:
        RunHeld: another driver holds it; the message names its host and process.
        UserError: the folder cannot be written, or its file system knows no locks.
    """
    name = str(paths.lock_file.resolve())
    if name in _held:
        raise RunHeld(paths.folder, f"this process ({os.getpid()})", paths.handle)
    try:
        file = paths.lock_file.open("ab+")
    except OSError as error:
        raise UserError(f"{paths.lock_file}: cannot be written: {error.strerror}") from error
    with file:
        _lock(paths, file)
        file.truncate(0)
        file.write(json.dumps(driver_identity()).encode())
        file.flush()
        _held.add(name)
        try:
            yield
        finally:
            _held.discard(name)


def refuse_if_held(paths: RunPaths) -> None:
    """Raise `RunHeld` if a driver holds the run."""
    if paths.lock_file.exists():
        with hold_run(paths):
            pass


def last_holder(paths: RunPaths) -> Mapping[str, Any]:
    """Return the identity of the driver that holds the run, or held it last; empty if unknown."""
    try:
        found = json.loads(paths.lock_file.read_bytes())
    except (OSError, ValueError):  # nobody has, or it takes the lock in this moment
        return {}
    return found if isinstance(found, dict) else {}


def _lock(paths: RunPaths, file: BinaryIO) -> None:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        raise RunHeld(paths.folder, _holder(file), paths.handle) from error
    except OSError as error:
        raise UserError(
            f"{paths.lock_file}: cannot be locked ({error.strerror}), so nothing keeps two "
            "searches from driving this run: mount its disk with locks, or move TUNER_RUNS"
        ) from error


def _holder(file: BinaryIO) -> str:
    file.seek(0)
    try:
        found = json.loads(file.read())
        return f"process {found['pid']} on {found['host']}"
    except (ValueError, KeyError, TypeError):  # it took the lock in this moment
        return "another process"
