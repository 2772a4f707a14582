"""What is left of a search whose driver was killed: the folder of its Ray, and processes of it.

Every folder names its driver. A small process watches the driver, and when it is gone ends what
belongs to the folder. Where that process was killed too, or the power failed, whoever starts Ray
next on this machine does so.

Ray's helpers overwrite their command lines and part of their environments, so a process belongs to
a folder if its temporary files go there or it writes to a file in it.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tuner.record.liveness import driver_identity, is_alive
from tuner.running.mps import end_daemon, has_daemon
from tuner.running.own_process import start_module

MPS_FOLDER = "mps"
_PREFIX = "tuner-"
_OWNER_FILE = "owner.json"
_PATIENCE_S = 5.0
_INTERVAL_S = 0.5


def make_folder(parent: Path) -> Path:
    """Make a folder for Ray that names this process as its owner.

    An old folder is never taken, since it may hold the address of a cluster that died.
    """
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    owner = {**driver_identity(), "pid_namespace": _pid_namespace()}
    (folder / _OWNER_FILE).write_text(json.dumps(owner), encoding="utf-8")
    return folder


def end_leftovers(parent: Path) -> None:
    """End what belongs to drivers of this machine that are gone."""
    for folder, owner in _own_folders(parent):
        # Process ids mean nothing across containers, whose host names may be equal.
        if owner.get("pid_namespace") == _pid_namespace() and is_alive(owner) is False:
            end_folder(folder)


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """Let another process end what belongs to the folder, if this one dies in the block."""
    process = start_module(__name__, str(folder))
    try:
        yield
    finally:
        process.kill()
        process.wait()


def end_folder_after_driver(folder: Path) -> None:
    """Wait until the driver is gone, and end what belongs to its folder."""
    owner = _owner(folder)
    while folder.is_dir() and is_alive(owner) is not False:
        time.sleep(_INTERVAL_S)
    end_folder(folder)


def end_folder(folder: Path) -> None:
    """Kill the processes that belong to a folder, and remove it."""
    end_processes(folder)
    shutil.rmtree(folder, ignore_errors=True)


def end_processes(folder: Path) -> None:
    """Kill the processes that belong to a folder."""
    mps = folder / MPS_FOLDER
    if has_daemon(mps):
        _kill_processes(folder, but=mps)  # clients of the MPS daemon, which is asked to end
        end_daemon(mps)
    _kill_processes(folder)


def _own_folders(parent: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield this user's folders in `parent` with their owners; no links."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError, ValueError):  # it may go at any moment
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            yield folder, _owner(folder)


def _owner(folder: Path) -> Mapping[str, Any]:
    owner = json.loads((folder / _OWNER_FILE).read_text(encoding="utf-8"))
    if not isinstance(owner, dict):
        raise ValueError(f"no owner of {folder}")
    return owner


def _kill_processes(folder: Path, but: Path | None = None) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while (pids := list(_processes_of(folder, but))) and time.monotonic() < deadline:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _processes_of(folder: Path, but: Path | None) -> Iterator[int]:
    own, user = str(os.getpid()), os.getuid()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            if process.name == own or process.stat().st_uid != user:
                continue
            if _has_temporary_folder(process, folder) or _writes_to(process, folder, but):
                yield int(process.name)


def _has_temporary_folder(process: Path, folder: Path) -> bool:
    return f"TMPDIR={folder}".encode() in (process / "environ").read_bytes().split(b"\0")


def _writes_to(process: Path, folder: Path, but: Path | None) -> bool:
    """Return whether a process has a file in the folder open for writing.

    A process that this one forked has this one's files, and is none of Ray's.
    """
    if _parent(process) == os.getpid():
        return False
    # Texts and no paths: a busy machine has tens of thousands of open files, and a search's end
    # waits for this.
    for descriptor in os.listdir(process / "fd"):  # noqa: PTH208
        with suppress(OSError):
            file = os.readlink(f"{process}/fd/{descriptor}")  # noqa: PTH115
            if file.startswith(f"{folder}/") and not (but and file.startswith(f"{but}/")):
                flags = (process / "fdinfo" / descriptor).read_text().split()[3]
                if int(flags, 8) & os.O_ACCMODE:
                    return True
    return False


def _parent(process: Path) -> int:
    return int((process / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])


def _pid_namespace() -> str | None:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None


if __name__ == "__main__":
    end_folder_after_driver(Path(sys.argv[1]))
