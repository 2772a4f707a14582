"""`tuner jobs`, `status`, `logs`, `stop`: what became of searches that were submitted."""

import sys
import time
from datetime import datetime

from rich.table import Table

from cluster.job import ENDED, JobInfo
from models.errors import UserError
from models.training.console import duration
from tuner.commands.clusters import ClusterChoice, chosen_queue, told_to_user
from tuner.commands.console import output

_NUM_LINES = 5
_FETCH = "fetch"
_HIDDEN = ("job_name", "job_submission_id", "digest")
_STOP_S = 45.0
_POLL_S = 0.5


def show_jobs(choice: ClusterChoice) -> None:
    """Print the jobs of a cluster, the latest first.

    Raises:
        UserError: it cannot be reached.
    """
    with told_to_user():
        jobs = searches(choice)
    if not jobs:
        output().print("no jobs")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("job", "state", "search", "model", "objective", "user", "began", "time"):
        table.add_column(title, no_wrap=True)
    for one in reversed(jobs):
        known = one.metadata
        words = [known.get(key, "-") for key in ("search", "model", "objective", "user")]
        table.add_row(one.name, one.state, *words, _began(one), _time(one))
    output().print(table)


def searches(choice: ClusterChoice) -> list[JobInfo]:
    """Return the jobs of a cluster but for those that bring runs home.

    Raises:
        ClusterError: it cannot be reached.
    """
    return [one for one in chosen_queue(choice).jobs() if one.metadata.get("what") != _FETCH]


def show_status(name: str, choice: ClusterChoice) -> None:
    """Print what a cluster says of a job, and the last lines of its log.

    Raises:
        UserError: it knows no such job, or cannot be reached.
    """
    with told_to_user():
        queue = chosen_queue(choice)
        info = queue.job(name)
        lines = "".join(queue.logs(name)).splitlines()
    said = output()
    said.print(f"{info.name}: {info.state}, began {_began(info)}, {_time(info)}")
    for key, value in info.metadata.items():
        if key not in _HIDDEN:
            said.print(f"  {key}: {value}", soft_wrap=True)
    if info.state == "failed":
        first = info.message.strip().partition("\n")[0]
        said.print(f"  {first.partition(', last available logs')[0]}", soft_wrap=True)
    for line in lines[-_NUM_LINES:]:
        said.print(f"  | {line}", soft_wrap=True)
    if info.state in ("failed", "stopped") and info.goes_on_by:
        said.print(f"  {info.goes_on_by}    # goes on with it", soft_wrap=True)
    nexts = ["fetch"] if info.state in ENDED else ["logs -f", "stop"]
    for verb in nexts:
        word, _, flag = verb.partition(" ")
        said.print(f"  tuner {word} {name}{' ' + flag if flag else ''}{choice.flags}")


def show_logs(name: str, choice: ClusterChoice, *, follows: bool) -> int:
    """Print what a job printed; following it, return 1 if it failed.

    Raises:
        UserError: the cluster knows no such job, or cannot be reached.
    """
    if follows:
        return follow(name, choice)
    with told_to_user():
        for piece in chosen_queue(choice).logs(name):
            sys.stdout.write(piece)
    return 0


def follow(name: str, choice: ClusterChoice) -> int:
    """Print what a job prints until it ends, and return 1 unless it succeeded.

    Ctrl-C ends the following and not the job.
    """
    with told_to_user():
        queue = chosen_queue(choice)
        try:
            for piece in queue.logs(name, follow=True):
                sys.stdout.write(piece)
                sys.stdout.flush()
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"the job goes on: `tuner logs {name} -f{choice.flags}` follows it again, "
                f"`tuner stop {name}{choice.flags}` ends it"
            ) from None
        info = queue.job(name)
    if info.state in ENDED:
        sys.stderr.write(f"{name}: {info.state}\n")
    return 0 if info.state == "succeeded" else 1


def stop_job(name: str, choice: ClusterChoice) -> None:
    """Ask a job to end in order, and wait for it: its trials keep their last checkpoint.

    Raises:
        UserError: it has ended, does not end, or the cluster cannot be reached.
    """
    with told_to_user():
        queue = chosen_queue(choice)
        info = queue.job(name)
        if info.state in ENDED:
            raise UserError(f"'{name}' has ended already ({info.state}): nothing is left to stop")
        queue.stop(name)
        deadline = time.monotonic() + _STOP_S
        while (info := queue.job(name)).state not in ENDED:
            if time.monotonic() > deadline:
                raise UserError(
                    f"'{name}' does not end: see `tuner logs {name}{choice.flags}`, and ask again"
                )
            time.sleep(_POLL_S)
    place = info.metadata.get("storage")
    how = None if place is None else f"`tuner resume {place}/{name}` on the cluster"
    if info.goes_on_by:
        how = f"`{info.goes_on_by}`"
    goes_on = "" if how is None else f"; {how} goes on with it"
    output().print(f"{name}: {info.state}{goes_on}", soft_wrap=True)
    output().print(f"  tuner fetch {name}{choice.flags}")


def _began(info: JobInfo) -> str:
    if info.began is None:
        return "-"
    return datetime.fromtimestamp(info.began).isoformat(" ", "seconds")


def _time(info: JobInfo) -> str:
    return "-" if info.began is None else duration((info.ended or time.time()) - info.began)
