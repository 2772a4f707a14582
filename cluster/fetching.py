"""Brings a folder home: what is there already stays, what was cut off goes on, all is checked.

The other end is `cluster.sending`, in this process where the folder is on a disk that is seen here,
and in a job on the cluster where it is not.
"""

import base64
import hashlib
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster import sending
from cluster.errors import ClusterError, NoFolder
from cluster.job import ENDED, Job, JobQueue
from cluster.package import pack

PART = ".part"
"""Ending of a file that is not whole; its SHA-256 to be stands before it."""
_MAX_BYTES = 32 * 1024 * 1024
"""What one job's log is given to carry."""
_POLL_S = 0.3
_MAX_ROUNDS = 10_000

Ask = Callable[[Mapping[str, Any]], Iterable[str]]
"""Takes a request and gives the lines of `cluster.sending`."""


@dataclass(kw_only=True)
class Fetched:
    """What came: how many files and bytes, and how many files were there already."""

    num_files: int = 0
    num_bytes: int = 0
    num_kept: int = 0
    removed: list[str] = field(default_factory=list)


def fetch_folder(target: Path, ask: Ask, *, log: str = "", mirror: tuple[str, ...] = ()) -> Fetched:
    """Make `target` what the folder at the other end is.

    Args:
        target: made with the first file, if it is missing.
        ask: the other end.
        log: the file that comes first, to which lines are added only: where the one here does not
            go on there, the folder here is another and stays as it is.
        mirror: folders in it where files that the other end has not are removed.

    Raises:
        NoFolder: there is no such folder.
        ClusterError: another one here, or what came is not what was sent.
    """
    done = Fetched()
    missing: list[str] = []
    for _ in range(_MAX_ROUNDS):
        sums = _round(target, ask, done, log)
        missing = [name for name, digest in sums.items() if _digest(target / name) != digest]
        if not missing:
            break
    else:
        raise ClusterError(f"{target}: {len(missing)} files change faster than they come: wait")
    done.num_kept = len(sums) - done.num_files
    for name in sorted(_files(target)):
        outdated = name.endswith(PART) or name.split("/")[0] in mirror
        if name not in sums and outdated:
            (target / name).unlink()
            done.removed.append(name)
    return done


def folder_here(folder: Path) -> Ask:
    """Return the other end of a folder on a disk that is seen here.

    Raises:
        NoFolder: there is no such folder.
    """
    if not folder.is_dir():
        raise NoFolder(f"there is no folder {folder}")
    return lambda request: sending.lines(folder, request)


def folder_there(folder: str, queue: JobQueue) -> Ask:
    """Return the other end of a folder that only the head of a cluster sees."""

    def ask(request: Mapping[str, Any]) -> Iterator[str]:
        name = f"fetch-{uuid.uuid4().hex[:12]}"
        with tempfile.TemporaryDirectory() as scratch:
            code = Path(sending.__file__).read_text(encoding="utf-8")
            texts = {"sending.py": code, "request.json": json.dumps(request)}
            queue.submit(
                Job(
                    name=name,
                    command=("python", "sending.py", folder, "request.json"),
                    package=pack(Path(scratch) / "fetch.zip", {}, texts),
                    metadata={"what": "fetch", "folder": folder},
                )
            )
            while queue.job(name).state not in ENDED:
                time.sleep(_POLL_S)
            yield from "".join(queue.logs(name)).splitlines()

    return ask


def refuse_other(target: Path, here: bytes, there: bytes) -> None:
    """Refuse to replace a log by one that does not go on with it.

    Args:
        target: the folder of the log.
        here: the log; of its last line only a part may have come.
        there: what would replace it.

    Raises:
        ClusterError: there is something else in the folder, or it has gone on.
    """
    if not there.startswith(here[: here.rfind(b"\n") + 1]):
        raise ClusterError(
            f"{target} is another run of this name, or has gone on here since it was fetched: "
            "nothing of it was replaced. Give another folder by --to, or move it away"
        )


def _round(target: Path, ask: Ask, done: Fetched, log: str) -> dict[str, str]:
    """Ask once; return the SHA-256 of every file at the other end."""
    names = _files(target)
    request = {
        "have": {name: _digest(target / name) for name in names if not name.endswith(PART)},
        "parts": dict(_parts(target, names)),
        "max_bytes": _MAX_BYTES,
        "first": log,
    }
    said = None
    for line in ask(request):
        _, found, text = line.partition(sending.MARK)
        if not found:
            said = line.strip() or said
            continue
        fields = json.loads(text)
        if "problem" in fields:
            raise NoFolder(f"nothing can be fetched: {fields['problem']}")
        if "files" in fields:
            return {_inside(name): digest for name, digest in fields["files"].items()}
        _take(target, fields, done, log)
    raise ClusterError(f"what was to be fetched did not come: {said or 'the job printed nothing'}")


def _take(target: Path, piece: Mapping[str, Any], done: Fetched, log: str) -> None:
    """Add a piece of a file; put the file in its place when it is whole."""
    file = target / _inside(piece["file"])
    part = file.with_name(f"{file.name}.{piece['sha256']}{PART}")
    part.parent.mkdir(parents=True, exist_ok=True)
    content = base64.b64decode(piece["data"])
    with part.open("r+b" if part.exists() else "wb") as out:
        out.seek(piece["offset"])
        out.write(content)
        out.truncate()
    done.num_bytes += len(content)
    if part.stat().st_size < piece["bytes"]:
        return
    if _digest(part) != piece["sha256"]:
        part.unlink()
        raise ClusterError(f"{file.name} came damaged: fetch again")
    if piece["file"] == log and file.is_file():
        try:
            refuse_other(target, file.read_bytes(), part.read_bytes())
        except ClusterError:
            part.unlink()
            raise
    shutil.move(part, file)
    done.num_files += 1


def _parts(target: Path, names: Iterable[str]) -> Iterator[tuple[str, tuple[str, int]]]:
    for name in names:
        if name.endswith(PART):
            whole, _, digest = name.removesuffix(PART).rpartition(".")
            yield whole, (digest, (target / name).stat().st_size)


def _files(target: Path) -> list[str]:
    return [p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()]


def _digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _inside(name: str) -> str:
    """Return the name of a file if it stays in its folder; a cluster is not to be trusted."""
    if Path(name).is_absolute() or ".." in Path(name).parts or not name:
        raise ClusterError(f"the cluster sends a file {name!r}, which would lie outside: refused")
    return name
