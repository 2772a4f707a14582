"""What a cluster is given, and what it tells of it: the interface of every place that runs jobs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

JobState = Literal["waiting", "running", "succeeded", "failed", "stopped"]
ENDED: tuple[JobState, ...] = ("succeeded", "failed", "stopped")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A command with the files that it needs.

    Attributes:
        name: its id on the cluster, which no other job there has.
        command: the program and its arguments, run in the package's folder.
        package: a zip file, see `cluster.package`.
        environment: variables of the command and of its workers; everybody on the cluster can
            read them, so no secrets.
        metadata: words for people and for finding it again; no secrets either.
    """

    name: str
    command: tuple[str, ...]
    package: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class JobInfo:
    """What a cluster says of a job.

    Attributes:
        began: seconds since 1970; None before it began.
        ended: likewise.
        message: why it ended, in the cluster's words.
        goes_on_by: what is typed to run it once more, where the cluster keeps what it needs.
    """

    name: str
    state: JobState
    command: str
    metadata: Mapping[str, str]
    began: float | None = None
    ended: float | None = None
    message: str = ""
    goes_on_by: str | None = None


class JobQueue(Protocol):
    """Runs jobs. Every method raises ClusterError when the cluster cannot be reached."""

    def submit(self, job: Job) -> None:
        """Hand over a job; raises ClusterError if there is one of its name."""
        ...

    def jobs(self) -> list[JobInfo]:
        """Return all jobs that are known, the oldest first."""
        ...

    def job(self, name: str) -> JobInfo:
        """Return one job; raises ClusterError if there is none of this name."""
        ...

    def logs(self, name: str, *, follow: bool = False) -> Iterator[str]:
        """Yield what a job printed, in pieces; with `follow` until it ends."""
        ...

    def stop(self, name: str) -> None:
        """Ask a job to end in order: it is sent SIGTERM and has `STOP_S` seconds."""
        ...


STOP_S = 40
"""A search takes up to 30 s to end in order."""
