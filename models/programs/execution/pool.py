"""A pool of limited worker processes that are replaced when they die or take too long."""

import contextlib
import os
import selectors
import time
import weakref
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from models.commands.process import usable_cores
from models.errors import UserError
from models.programs.execution.serving import READY
from models.programs.execution.worker_process import WorkerProcess, WorkerSettings

_MAX_FAILED_STARTS = 3
"""In a row, before the pool gives up."""

_JOBS_AHEAD = 4
"""Jobs for each worker that may be done before an earlier one is."""


@dataclass(frozen=True, kw_only=True)
class LostJob:
    """What a job ended in when its worker did not finish it."""

    reason: Literal["worker_died", "time_limit"]


@dataclass(kw_only=True)
class _Seat:
    """A worker and what it does.

    Args:
        worker: the process.
        deadline: of its start or its job, in seconds of `time.monotonic`.
        ready: whether it has started.
        job: number of the job that it works on, or None.
    """

    worker: WorkerProcess
    deadline: float
    ready: bool = False
    job: int | None = None


class WorkerPool:
    """Works out jobs in limited processes; for one thread at a time.

    Workers start with the first job. Close the pool, or use it in a `with`; the processes end
    with this one in any case.

    Args:
        settings: of the workers.
        num_workers: processes; as many as this process may use cores by default.
    """

    def __init__(self, settings: WorkerSettings, num_workers: int | None = None) -> None:
        self.settings = settings
        self.num_workers = usable_cores() if num_workers is None else num_workers
        if self.num_workers < 1:
            raise UserError(f"num_workers is {self.num_workers}: take at least 1")
        self._seats: list[_Seat] = []
        self._failed_starts = 0
        self._finalizer = weakref.finalize(self, _kill_all, self._seats, os.getpid())

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [seat.worker.pid for seat in self._seats]

    def start(self) -> None:
        """Start the workers that are missing, and do not wait for them: jobs are to come soon."""
        while len(self._seats) < self.num_workers:
            deadline = time.monotonic() + self.settings.start_timeout_s
            self._seats.append(_Seat(worker=WorkerProcess(self.settings), deadline=deadline))

    def close(self) -> None:
        """End all workers; a job given later starts new ones."""
        _kill_all(self._seats, os.getpid())

    def run(self, jobs: Iterable[Any]) -> Generator[Any, None, None]:
        """Yield the result of each job, or a LostJob, in the order of the jobs.

        Jobs are plain values (see `frames`), taken one by one as workers become free; not many
        more are taken than results were asked for.

        Raises:
            UserError: workers do not start.
        """
        stream = self._run(iter(jobs))
        with contextlib.closing(stream):
            yield from stream

    def _run(self, jobs: Iterator[Any]) -> Generator[Any, None, None]:
        done: dict[int, Any] = {}
        num_given = num_yielded = 0
        more = True
        try:
            while True:
                while num_yielded in done:
                    yield done.pop(num_yielded)
                    num_yielded += 1
                while more and num_given < num_yielded + _JOBS_AHEAD * self.num_workers:
                    seat = self._free_seat()
                    if seat is None:
                        break
                    more = self._give(seat, num_given, jobs, done)
                    num_given += more
                if not more and num_yielded == num_given:
                    return
                if num_yielded not in done:
                    self._wait(done)
        finally:
            for seat in [seat for seat in self._seats if seat.job is not None]:
                self._remove(seat)  # its result would be taken for the next job's

    def _free_seat(self) -> _Seat | None:
        """Return a worker that is ready and free, after starting those that are missing."""
        for seat in [seat for seat in self._seats if seat.job is None]:
            if seat.ready and not seat.worker.is_alive:  # killed by others while it waited
                self._remove(seat)
        self.start()
        return next((seat for seat in self._seats if seat.ready and seat.job is None), None)

    def _give(self, seat: _Seat, number: int, jobs: Iterator[Any], done: dict[int, Any]) -> bool:
        """Give the next job to a worker; return whether there was one."""
        try:
            job = next(jobs)
        except StopIteration:
            return False
        seat.job = number
        seat.deadline = time.monotonic() + self.settings.job_timeout_s
        try:
            seat.worker.send(job)
        except TimeoutError:
            self._lose(seat, "time_limit", done)
        except OSError:
            self._lose(seat, "worker_died", done)
        return True

    def _wait(self, done: dict[int, Any]) -> None:
        """Wait until a worker says something, or has to be given up."""
        busy = [seat for seat in self._seats if seat.job is not None or not seat.ready]
        with selectors.DefaultSelector() as selector:
            for seat in busy:
                selector.register(seat.worker.connection, selectors.EVENT_READ, seat)
            patience = max(0.0, min(seat.deadline for seat in busy) - time.monotonic())
            for key, _ in selector.select(patience):
                self._listen(key.data, done)
        now = time.monotonic()
        for seat in busy:
            if (
                seat in self._seats
                and seat.deadline < now
                and (seat.job is not None or not seat.ready)
            ):
                self._lose(seat, "time_limit", done)

    def _listen(self, seat: _Seat, done: dict[int, Any]) -> None:
        try:
            message = seat.worker.read()
        except EOFError:
            self._lose(seat, "worker_died", done)
            return
        if message is None:
            return
        if not seat.ready:
            assert message[0] == READY
            seat.ready = True
            self._failed_starts = 0
        elif seat.job is not None:
            done[seat.job] = message[0]
            seat.job = None

    def _lose(
        self, seat: _Seat, reason: Literal["worker_died", "time_limit"], done: dict[int, Any]
    ) -> None:
        """Give up a worker and with it its job."""
        last_words = self._remove(seat)
        if seat.job is not None:
            done[seat.job] = LostJob(reason=reason)
        if not seat.ready:
            self._failed_starts += 1
            if self._failed_starts == _MAX_FAILED_STARTS:
                self._failed_starts = 0
                raise UserError(
                    f"worker processes do not start ({reason}, {_MAX_FAILED_STARTS} in a row; "
                    f"{self.settings.memory_mb} MB of address space each): {last_words}"
                )

    def _remove(self, seat: _Seat) -> str:
        self._seats.remove(seat)
        return seat.worker.kill()


def _kill_all(seats: list[_Seat], owner: int) -> None:
    """End all workers, but not from a forked copy of the process that owns them."""
    if os.getpid() == owner:
        while seats:
            seats.pop().worker.kill()
