"""Keeps a run's folder in a bucket while it is driven, so that a lost machine loses seconds.

The run lies on the driver's machine as any other, and a thread copies what has changed: checkpoints
first, then the event log as it was before they were looked for. So the log in the bucket names no
checkpoint that is not there, but those that were deleted since.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cluster.sending import files_in
from models.errors import UserError
from tuner.errors import RunExists, RunHeld
from tuner.record.bucket import Bucket
from tuner.record.liveness import driver_identity, is_alive
from tuner.record.paths import RunPaths, check_run_name, is_run
from tuner.search.storage import is_bucket

logger = logging.getLogger(__name__)

_INTERVAL_S = 2.0
_RENEW_S = 10.0
_STALE_S = 60.0
"""A driver that has not renewed its claim for so long is gone."""
_NUM_NAMED = 10
_FINAL_TRIES = 3


@contextmanager
def mirrored(paths: RunPaths, storage: str | None, *, new: bool) -> Iterator[None]:
    """Keep the run in its bucket inside the block; without a bucket do nothing.

    Args:
        paths: the run's files.
        storage: the `storage:` of its search.
        new: whether the bucket must not have a run of this name.

    Raises:
        RunExists: it has one.
        RunHeld: another driver drives it.
        UserError: the bucket does not answer; at the end: what is missing in it.
    """
    if storage is None or not is_bucket(storage):
        yield
        return
    mirror = Mirror(paths, Bucket(f"{storage}/{paths.name}"))
    mirror.claim(new=new)
    ended = threading.Event()

    def serve() -> None:
        while not ended.wait(_INTERVAL_S):
            mirror.try_to_copy()

    thread = threading.Thread(target=serve, name="mirror", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        mirror.finish()


class Mirror:
    """Copies a run's folder to a bucket.

    Args:
        paths: the run's files.
        bucket: where they go.
    """

    def __init__(self, paths: RunPaths, bucket: Bucket) -> None:
        self._paths = paths
        self._bucket = bucket
        self._copied: dict[str, tuple[int, int]] = {}
        self._claim = uuid.uuid4().hex
        self._renewed = 0.0
        self._is_troubled = False

    def claim(self, *, new: bool) -> None:
        """Claim the run for this driver.

        Raises:
            RunExists, RunHeld, UserError: see `mirrored`.
        """
        stored = self._bucket.files()
        if new and self._paths.search_file.name in stored:
            raise RunExists(Path(self._bucket.url), self._bucket.url)
        lock = stored.get(self._paths.lock_file.name)
        holder = self._holder()
        if lock is not None and time.time() - lock.written < _STALE_S and not _is_gone(holder):
            name = f"process {holder.get('pid')} on {holder.get('host')}"
            raise RunHeld(Path(self._bucket.url), name, self._bucket.url)
        self._renew()
        holder = self._holder()
        if "claim" not in holder:
            raise UserError(
                f"{self._bucket.url} does not give back what was written there: check that the "
                "credentials let you read, too"
            )
        if holder["claim"] != self._claim:
            name = "another process, which began in this moment"
            raise RunHeld(Path(self._bucket.url), name, self._bucket.url)

    def copy(self) -> None:
        """Copy what has changed, and delete what is gone.

        Raises:
            UserError: the bucket does not answer.
        """
        if time.monotonic() - self._renewed > _RENEW_S:
            self._renew()
        events = _content(self._paths.events_file)
        here = self._files_here()
        last = self._paths.events_file.name
        for place, state in here.items():
            if place == last or self._copied.get(place) == state:
                continue
            content = _content(self._paths.folder / place)
            if content is not None:
                self._bucket.write(place, content)
                self._copied[place] = state
        if events is not None and last in here and self._copied.get(last) != (len(events), 0):
            self._bucket.write(last, events)
            self._copied[last] = (len(events), 0)
        for place in [one for one in self._copied if one not in here]:
            self._bucket.delete(place)
            del self._copied[place]

    def try_to_copy(self) -> None:
        """Copy; a bucket or disk that does not answer is tried again next time, and told once."""
        try:
            self.copy()
            self._is_troubled = False
        except (UserError, OSError) as error:
            if not self._is_troubled:
                logger.warning("the bucket is tried again: %s", error)
            self._is_troubled = True

    def finish(self) -> None:
        """Copy all for the last time, delete what else is there, and give up the claim.

        Raises:
            UserError: the bucket does not answer.
        """
        for attempt in range(1, _FINAL_TRIES + 1):
            try:
                self.copy()
                for place in self._bucket.files().keys() - self._copied.keys():
                    self._bucket.delete(place)
                return
            except UserError as error:
                if attempt == _FINAL_TRIES:
                    raise UserError(
                        f"{error}. The run is whole in {self._paths.folder}; "
                        f"`tuner resume {self._paths.handle}` copies it, too"
                    ) from error
                time.sleep(_INTERVAL_S)

    def _files_here(self) -> dict[str, tuple[int, int]]:
        """Return size and time of the files that are whole; the lock is a claim of its own.

        A run that has not begun may break off and leave nothing, so nothing of it is copied.
        """
        found: dict[str, tuple[int, int]] = {}
        if not is_run(self._paths):
            return found
        for file in files_in(self._paths.folder):
            if file.name.startswith(".") or file == self._paths.lock_file:
                continue
            with suppress(FileNotFoundError):
                state = file.stat()
                place = file.relative_to(self._paths.folder).as_posix()
                found[place] = (state.st_size, state.st_mtime_ns)
        return found

    def _renew(self) -> None:
        content = {**driver_identity(), "claim": self._claim}
        self._bucket.write(self._paths.lock_file.name, json.dumps(content).encode())
        self._renewed = time.monotonic()

    def _holder(self) -> dict[str, Any]:
        try:
            found = json.loads(self._bucket.read(self._paths.lock_file.name) or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def home_of(url: str, runs: Path) -> RunPaths:
    """Bring a run from a bucket to the folder of runs, unless the one here is as far.

    Raises:
        UserError: no name of a run, no run in the bucket, or the one here is another.
    """
    bucket = Bucket(url)
    paths = RunPaths(runs / check_run_name(bucket.name))
    refuse_no_run(bucket)
    here = _content(paths.events_file) or b""
    there = bucket.read(paths.events_file.name) or b""
    if here and not (here.startswith(there) or there.startswith(here)):
        raise UserError(
            f"{paths.folder} is another run than {url}: move it away, or set TUNER_RUNS to a "
            "folder without it"
        )
    if len(here) < len(there) or not paths.search_file.is_file():
        bucket.bring_home(paths.folder)
        paths.lock_file.unlink(missing_ok=True)
    return paths


def refuse_no_run(bucket: Bucket) -> None:
    """Refuse a place in a bucket where no run lies.

    Raises:
        UserError: none does, or the bucket does not answer.
    """
    if bucket.read(RunPaths(Path()).search_file.name) is not None:
        return
    found, where = bucket.folders(), "in it"
    holder = bucket.url.rpartition("/")[0]
    if not found and not holder.endswith("/"):
        found, where = Bucket(holder).folders(), "beside it"
    known = f"; {where} are {', '.join(found[:_NUM_NAMED])}" if found else ""
    raise UserError(f"{bucket.url} holds no run: check the name{known}")


def _is_gone(holder: dict[str, Any]) -> bool:
    """Return whether a claim is of nobody, or of a process of this machine that has ended."""
    return not holder or is_alive(holder) is False


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
