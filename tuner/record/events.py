"""The event log of a run: what happened, one JSON object a line, only ever appended to.

The log is the record that a leaderboard is made of. Every line is written in one piece, so a
crash can tear the last line only: the reader leaves a torn last line out, and the writer cuts it
off before it goes on.

The time of day may be set while a search runs, so how long something took is told by a second
clock, which only rises: `seconds_between`.
"""

import contextlib
import dataclasses
import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, BinaryIO, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from models.errors import UserError
from tuner.errors import RunCorrupt
from tuner.record.paths import RunPaths

EndState = Literal["done", "stopped", "failed", "interrupted"]
RunStatus = Literal["running", "finished", "interrupted", "failed"]

_NOT_FINITE = ("nan", "inf", "-inf")
MetricValue: TypeAlias = Annotated[
    float, BeforeValidator(lambda value: float(value) if value in _NOT_FINITE else value)
]
"""A number; one that is not finite stands as text in the log, as JSON has none."""


@dataclass(frozen=True, kw_only=True)
class _Event:
    """What all events have.

    Attributes:
        time: seconds since 1970.
        elapsed_s: seconds since the driver opened the log, on a clock that nobody sets; None where
            the log was written without one.
    """

    time: float
    elapsed_s: float | None = field(default=None, compare=False)


@dataclass(frozen=True, kw_only=True)
class InfeasibleDraw:
    """A point that was drawn and never trained, as it does not keep the search's constraints.

    Attributes:
        params: its values.
        violations: how far it is from keeping each constraint, as a part of the larger of the
            numbers compared; 0 where it keeps it.
    """

    params: Mapping[str, Any]
    violations: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class TrialCreated(_Event):
    """A trial was drawn; it waits for a place to run (queued).

    `infeasible` are points that were drawn before it in its stead.
    """

    event: Literal["trial"] = "trial"
    trial: str
    number: int
    params: Mapping[str, Any]
    infeasible: tuple[InfeasibleDraw, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TrialStarted(_Event):
    """A trial began to run, or began anew after a failure or a resume."""

    event: Literal["start"] = "start"
    trial: str
    node: str | None = None


@dataclass(frozen=True, kw_only=True)
class TrialReported(_Event):
    """An epoch ended.

    `checkpoint` is a path inside the run folder, `finished` why the trial ends after this epoch,
    `config` the settings that its model was built from, told once by every worker,
    `inherited_from` the trial that trained the epoch, where this one goes on from it.
    """

    event: Literal["report"] = "report"
    trial: str
    epoch: int
    metrics: Mapping[str, MetricValue]
    checkpoint: str | None = None
    finished: str | None = None
    config: Mapping[str, Any] | None = None
    inherited_from: str | None = None


@dataclass(frozen=True, kw_only=True)
class TrialEnded(_Event):
    """A trial came to its end, or to its last for now (interrupted).

    `cause` is one of `epochs`, `early_stop`, `rung N`, `nan`, `oom`, `error`, `lost`, ...; `where`
    is the line of code behind a failure.
    """

    event: Literal["end"] = "end"
    trial: str
    state: EndState
    cause: str | None = None
    message: str | None = None
    where: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunChanged(_Event):
    """The run as a whole began, ended or broke off, or has something to say.

    Attributes:
        dropped: number of the trial of which it says that all its checkpoints gave way to others.
        thinned: number of the one of which it says that only what it goes on from is left.
    """

    event: Literal["run"] = "run"
    status: RunStatus
    message: str | None = None
    dropped: int | None = None
    thinned: int | None = None

    @property
    def begins(self) -> bool:
        """Whether a driver takes the run up; one that runs already has something to say."""
        return self.status == "running" and self.message is None


Event: TypeAlias = TrialCreated | TrialStarted | TrialReported | TrialEnded | RunChanged

_RARE = {"config", "inherited_from", "dropped", "thinned"}
"""Fields that few events have, and that stand in no line of another."""
_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


class EventLog:
    """Appends events to a file; a context manager, for one writer at a time.

    Args:
        path: the file; made if it is missing, continued if it is there.
        clock: the time in seconds since 1970.
        ticks: seconds on a clock that only rises; without one, times of day have to do.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] | None = None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._ticks = ticks
        self._opened = ticks() if ticks else 0.0
        self._file = _open(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def trial(
        self,
        trial: str,
        number: int,
        params: Mapping[str, Any],
        infeasible: Sequence[InfeasibleDraw] = (),
    ) -> None:
        """Record that a trial was created."""
        created = TrialCreated(
            trial=trial,
            number=number,
            params=params,
            infeasible=tuple(infeasible),
            **self._now(),
        )
        self.append(created)

    def start(self, trial: str, node: str | None = None) -> None:
        """Record that a trial began to run."""
        self.append(TrialStarted(trial=trial, node=node, **self._now()))

    def report(
        self,
        trial: str,
        epoch: int,
        metrics: Mapping[str, float],
        checkpoint: str | None = None,
        finished: str | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        inherited_from: str | None = None,
    ) -> None:
        """Record the metrics of an epoch."""
        self.append(
            TrialReported(
                trial=trial,
                epoch=epoch,
                metrics=metrics,
                checkpoint=checkpoint,
                finished=finished,
                config=config,
                inherited_from=inherited_from,
                **self._now(),
            )
        )

    def end(
        self,
        trial: str,
        state: EndState,
        cause: str | None = None,
        message: str | None = None,
        where: str | None = None,
    ) -> None:
        """Record that a trial ended."""
        ended = TrialEnded(
            trial=trial, state=state, cause=cause, message=message, where=where, **self._now()
        )
        self.append(ended)

    def run(self, status: RunStatus, message: str | None = None, **deleted: int) -> None:
        """Record what became of the run; `deleted` are `dropped` or `thinned` of `RunChanged`."""
        self.append(RunChanged(status=status, message=message, **deleted, **self._now()))

    def append(self, event: Event) -> None:
        """Write one event, and hand it to the operating system before returning.

        Raises:
            UserError: the disk is full or the file is gone.
        """
        line = memoryview(render_event(event).encode())
        end = self._file.seek(0, os.SEEK_END)
        try:
            while line:  # a disk that fills up takes a part of a line
                line = line[self._file.write(line) or 0 :]
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(end)
            raise UserError(
                f"{self._path}: cannot be written: {error.strerror or error}. "
                "Free disk space; what was recorded before is intact, and `tuner resume` goes on"
            ) from error

    def close(self) -> None:
        """Close the file; writing the events is not held up until then."""
        self._file.close()

    def _now(self) -> dict[str, Any]:
        elapsed_s = None if self._ticks is None else round(self._ticks() - self._opened, 3)
        return {"time": self._clock(), "elapsed_s": elapsed_s}


def seconds_between(earlier: Event, later: Event) -> float:
    """Return how long after one event another came, never less than 0.

    Where both events do not tell by the clock that only rises, those of the time of day are taken,
    which are wrong by as much as it was set meanwhile.
    """
    if earlier.elapsed_s is not None and later.elapsed_s is not None:
        return max(0.0, later.elapsed_s - earlier.elapsed_s)
    return max(0.0, later.time - earlier.time)


def render_event(event: Event) -> str:
    """Return the event as its line, with the line's end."""
    fields = dict(vars(event))
    if isinstance(event, TrialReported):
        fields["metrics"] = finite_or_text(event.metrics)
    for name in _RARE & fields.keys():
        if fields[name] is None:
            del fields[name]
    return json.dumps(fields, allow_nan=False, default=dataclasses.asdict) + "\n"


def finite_or_text(metrics: Mapping[str, float]) -> dict[str, float | str]:
    """Return metrics as JSON can hold them: numbers that are not finite stand as text."""
    return {
        key: float(value) if math.isfinite(value) else str(float(value))
        for key, value in metrics.items()
    }


def read_events(path: Path) -> list[Event]:
    """Return the events of a log, in order; the event at index `i` is on line `i + 1`.

    A last line without its end was torn by a crash, or is being written: it is left out.

    Raises:
        RunCorrupt: a line that cannot be an event.
        UserError: the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []  # a run that was killed before its first event
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    whole = content.split(b"\n")[:-1]
    return [parse_event(line, path, number) for number, line in enumerate(whole, start=1)]


def parse_event(line: bytes, path: Path, number: int) -> Event:
    """Return the event of a line without its end.

    Raises:
        RunCorrupt: the line, the one of this number in the file, cannot be an event.
    """
    try:
        return _ADAPTER.validate_json(line, strict=True)
    except ValidationError as error:
        item = error.errors()[0]
        place = ".".join(str(part) for part in item["loc"])
        problem = f"{place}: {item['msg']}".removeprefix(": ")
        raise RunCorrupt(path, number, problem, RunPaths(path.parent).handle) from error


def _open(path: Path) -> BinaryIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _cut_torn_line(path)
        return path.open("ab", buffering=0)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error


def _cut_torn_line(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError), path.open("rb+") as file:
        content = file.read()
        if not content.endswith(b"\n"):
            file.truncate(content.rfind(b"\n") + 1)
            os.fsync(file.fileno())
