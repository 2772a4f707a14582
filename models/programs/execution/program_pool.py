"""Programs run on inputs in limited worker processes, many at a time."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from models.grammar.derivation import PAD_ID
from models.programs.execution.example_text import Example
from models.programs.execution.limits import Limits
from models.programs.execution.outcomes import (
    TIME_LIMIT,
    WORKER_DIED,
    Checked,
    Outcome,
    Value,
)
from models.programs.execution.pool import LostJob, WorkerPool
from models.programs.execution.worker_process import WorkerSettings
from models.programs.language.compiling import Compiled
from models.programs.language.to_source import ids_to_source

_MODULE = "models.programs.execution.worker"
_MAX_BATCH = 64
_BATCHES_PER_WORKER = 4
"""So that workers end at about the same time."""

ResultT = TypeVar("ResultT")


class ProgramPool:
    """Runs programs; whatever they do, each gets a classified outcome in bounded time.

    Three nets: the interpreter's limits, the process's limits on memory and processor time, and
    a wall-clock limit for a batch. Programs of a batch that was lost are run one by one, so that
    only the culprit counts as such.

    Args:
        limits: of each run.
        num_workers: processes; as many as this process may use cores by default.
        memory_mb: address space of each.
        batch_timeout_s: wall-clock time of a batch, or of a program that is run alone.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        num_workers: int | None = None,
        memory_mb: int = 512,
        batch_timeout_s: float = 30.0,
    ) -> None:
        self.limits = limits or Limits()
        settings = WorkerSettings(
            module=_MODULE, memory_mb=memory_mb, job_timeout_s=batch_timeout_s
        )
        self._pool = WorkerPool(settings, num_workers)

    def __enter__(self) -> "ProgramPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return self._pool.pids

    def start(self) -> None:
        """Start the workers, and do not wait for them: programs are to come soon."""
        self._pool.start()

    def close(self) -> None:
        """End all workers; programs given later start new ones."""
        self._pool.close()

    def run(
        self, tasks: Sequence[tuple[Sequence[int], Sequence[Sequence[Value]]]]
    ) -> list[list[Outcome]]:
        """Return what comes of each program on each of its inputs.

        Args:
            tasks: ids of a program, pad ids at their end are allowed, and its inputs, one value a
                parameter in each.
        """
        runs = [(_plain(ids), [tuple(i) for i in inputs]) for ids, inputs in tasks]
        sizes = [len(inputs) for _, inputs in runs]
        return self._work("run", runs, sizes, _outcome)

    def passed(self, tasks: Sequence[tuple[Sequence[int], Sequence[Example]]]) -> list[list[bool]]:
        """Return which of its examples each program satisfies; see `checked`."""
        return [[each.passed for each in checked] for checked in self.checked(tasks)]

    def checked(
        self, tasks: Sequence[tuple[Sequence[int], Sequence[Example]]]
    ) -> list[list[Checked]]:
        """Return what comes of each program on its examples; values are compared by type, too.

        Args:
            tasks: ids of a program and its examples.
        """
        runs = [
            (_plain(ids), [(tuple(each.inputs), each.output) for each in examples])
            for ids, examples in tasks
        ]
        sizes = [len(examples) for _, examples in runs]
        return self._work("check", runs, sizes, _checked)

    def compiled(self, programs: Sequence[Sequence[int]]) -> list[Compiled]:
        """Return what Python says to each program; see `compile_program`."""
        found = self._work(
            "compile", [(_plain(ids),) for ids in programs], [1] * len(programs), _one
        )
        return [
            Compiled(source=ids_to_source(ids), compiles=False)
            if isinstance(each, Outcome)  # the worker could not bear it
            else Compiled(source=each[0], compiles=each[1], undefined=each[2])
            for ids, (each,) in zip(programs, found, strict=True)
        ]

    def _work(
        self,
        name: str,
        runs: Sequence[Any],
        sizes: Sequence[int],
        read: Callable[[Any], ResultT],
    ) -> list[list[ResultT]]:
        """Run everything in batches, then what was lost with its batch one by one.

        Args:
            name: of the job.
            runs: plain values for the worker.
            sizes: results that each run must have.
            read: turns a worker's plain result, or an outcome of ours, into what is returned.
        """
        size = -(-len(runs) // (_BATCHES_PER_WORKER * self._pool.num_workers))
        size = max(1, min(_MAX_BATCH, size))
        starts = range(0, len(runs), size)
        found: list[Any] = []
        for start, result in zip(starts, self._jobs(name, runs, starts, size), strict=True):
            count = min(size, len(runs) - start)
            found += [result] * count if isinstance(result, LostJob) else result
        alone = [i for i, result in enumerate(found) if isinstance(result, LostJob)]
        for place, result in zip(alone, self._jobs(name, runs, alone, 1), strict=True):
            found[place] = result if isinstance(result, LostJob) else result[0]
        return [
            [read(_lost(each))] * count
            if isinstance(each, LostJob)
            else [read(result) for result in each]
            for each, count in zip(found, sizes, strict=True)
        ]

    def _jobs(
        self, name: str, runs: Sequence[Any], starts: Sequence[int], size: int
    ) -> Iterator[Any]:
        limits = self.limits.as_tuple()
        return self._pool.run((name, limits, runs[start : start + size]) for start in starts)


def _plain(ids: Sequence[int]) -> list[int]:
    plain = list(map(int, ids))
    return [each for each in plain if each != PAD_ID] if PAD_ID in plain else plain


def _lost(lost: LostJob) -> Outcome:
    return TIME_LIMIT if lost.reason == "time_limit" else WORKER_DIED


def _one(found: Any) -> Any:
    return found


def _outcome(found: tuple[Any, Any, str] | Outcome) -> Outcome:
    if isinstance(found, Outcome):
        return found
    status, value, error = found
    return Outcome(status=status, value=value, error=error)


def _checked(found: tuple[Any, Any] | Outcome) -> Checked:
    if isinstance(found, Outcome):
        return Checked(status=found.status)
    status, passed = found
    return Checked(status=status, passed=passed is True)
