"""Jobs of a Ray cluster, through the API of its dashboard."""

import asyncio
import logging
import shlex
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from cluster.errors import ClusterError, NoAnswer, UnknownJob
from cluster.job import STOP_S, Job, JobInfo, JobState
from cluster.tokens import no_entry, send_token

DEFAULT_ADDRESS = "http://127.0.0.1:8265"

T = TypeVar("T")
_CHATTY = ("ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk")
"""Loggers that tell of every upload and of every end."""
_STATES: dict[str, JobState] = {
    "PENDING": "waiting",
    "RUNNING": "running",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "STOPPED": "stopped",
}
# Read by the process that looks after the job: Ray else kills a job 3 s after it asked it to end.
_PATIENCE = {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_S)}


class RayJobs:
    """The jobs of one Ray cluster.

    Args:
        address: of its dashboard, as `http://host:8265`.
        flags: what people type to mean it, with a space before; None: its address.

    Raises:
        ClusterError: the token is not accepted.
        NoAnswer: nothing answers there.
    """

    def __init__(self, address: str = DEFAULT_ADDRESS, flags: str | None = None) -> None:
        self.address = address if "://" in address else f"http://{address}"
        self._flags = f" --address {self.address}" if flags is None else flags
        if not self.address.startswith(("http://", "https://")):
            raise ClusterError(
                f"{address} is no address of a Ray dashboard: give it as {DEFAULT_ADDRESS}"
            )
        send_token()
        from ray.job_submission import JobSubmissionClient

        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client: Any = self._ask(lambda: JobSubmissionClient(self.address))

    def submit(self, job: Job) -> None:
        """Hand over a job.

        Raises:
            ClusterError: there is a job of its name, or the package is too large.
        """
        self._ask(
            lambda: self._client.submit_job(
                entrypoint=shlex.join(job.command),
                submission_id=job.name,
                runtime_env={
                    "working_dir": str(job.package),
                    "env_vars": {**_PATIENCE, **job.environment},
                },
                metadata={"job_name": job.name, **job.metadata},
            )
        )

    def jobs(self) -> list[JobInfo]:
        """Return the jobs that were submitted, the oldest first; Ray forgets them with its head."""
        found = [_info(one) for one in self._ask(self._client.list_jobs) if one.submission_id]
        return sorted(found, key=lambda one: one.began or 0.0)

    def job(self, name: str) -> JobInfo:
        """Return one job.

        Raises:
            ClusterError: there is none of this name.
        """
        return _info(self._ask(lambda: self._client.get_job_info(name), name))

    def logs(self, name: str, *, follow: bool = False) -> Iterator[str]:
        """Yield what a job printed."""
        if not follow:
            yield self._ask(lambda: self._client.get_job_logs(name), name)
            return
        self.job(name)
        pieces = self._client.tail_job_logs(name)
        loop = asyncio.new_event_loop()
        try:
            while True:
                yield self._ask(lambda: loop.run_until_complete(anext(pieces)), name)
        except StopAsyncIteration:
            return
        finally:
            loop.run_until_complete(pieces.aclose())
            loop.close()

    def stop(self, name: str) -> None:
        """Ask a job to end in order."""
        self._ask(lambda: self._client.stop_job(name), name)

    def _ask(self, what: Callable[[], T], name: str | None = None) -> T:
        from ray.exceptions import AuthenticationError

        try:
            return what()
        except (ConnectionError, OSError) as error:
            raise NoAnswer(
                f"no Ray dashboard answers at {self.address}: check the address, and that a "
                "tunnel to it stands where it needs one"
            ) from error
        except AuthenticationError as error:
            raise ClusterError(no_entry(self.address)) from error
        except RuntimeError as error:
            text = str(error)
            if name is not None and "does not exist" in text:
                raise UnknownJob(
                    f"{self.address} knows no job '{name}': `tuner jobs{self._flags}` lists "
                    "those that it knows"
                ) from error
            raise ClusterError(self._reason(text)) from error

    def _reason(self, text: str) -> str:
        if "WebSocket" in text:
            return (
                f"the Ray cluster at {self.address} broke off the connection: its head may have "
                f"ended. `tuner jobs{self._flags}` tells whether it lives; the run is "
                "where it was stored"
            )
        if "already exists" in text:
            return f"{self.address} has a job of this name already: choose another --name"
        said = text.strip().strip('."').splitlines()[-1]  # what came of a traceback
        return f"the Ray cluster at {self.address} refuses: {said}"


def _info(details: Any) -> JobInfo:
    return JobInfo(
        name=details.submission_id,
        state=_STATES[str(getattr(details.status, "value", details.status))],
        command=details.entrypoint,
        metadata=dict(details.metadata or {}),
        began=None if details.start_time is None else details.start_time / 1000,
        ended=None if not details.end_time else details.end_time / 1000,
        message=details.message or "",
    )
