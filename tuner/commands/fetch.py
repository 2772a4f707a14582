"""`tuner fetch`: bring a run home from where it was searched."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.errors import NoFolder, UnknownJob
from cluster.fetching import Ask, fetch_folder, folder_here, folder_there, refuse_other
from cluster.job import JobInfo
from models.errors import UserError
from models.wording import are, count
from tuner.commands.clusters import ClusterChoice, chosen_queue, told_to_user
from tuner.commands.console import output
from tuner.record.bucket import Bucket
from tuner.record.paths import RUNS_OF_JOBS, RunPaths, check_run_name, is_run, runs_folder
from tuner.running.mirror import refuse_no_run
from tuner.search.storage import read_storage


def fetch(what: str, choice: ClusterChoice, *, to: str | None) -> None:
    """Bring a run to the folder of runs; what is there already is not sent again.

    Args:
        what: the job's name, the run's folder on the cluster, or the URL of its bucket.
        choice: the cluster.
        to: the folder of runs to bring it to.

    Raises:
        UserError: no such run, or the cluster cannot be reached.
    """
    with told_to_user():
        job = None if "/" in what else _job(what, choice)
        what = what if job is None else _folder_of(job)
        with _job_told(job, what, choice):
            _fetch(what, choice, to)


def _fetch(what: str, choice: ClusterChoice, to: str | None) -> None:
    """Bring a run home from a folder or a bucket.

    Raises:
        NoFolder: it is not there.
    """
    if "://" in what:
        read_storage(what)
        _fetch_bucket(what, to)
        return
    ask, name = _other_end(what, choice)
    target = (runs_folder() if to is None else Path(to).resolve()) / check_run_name(name)
    _refuse_other(target, what)
    run = RunPaths(target)
    log, mirror = run.events_file.name, (run.checkpoints.name,)
    with _room_told(target):
        done = fetch_folder(target, ask, log=log, mirror=mirror)
    _tell(
        run,
        f"{count(done.num_files, 'file')} came ({done.num_bytes / 1e6:.1f} MB)"
        f"{_others(done.num_kept, len(done.removed))}",
    )


def _others(num_kept: int, num_removed: int) -> str:
    """Return what is said of the files that did not come."""
    gone = f", {num_removed:,} gone from there {are(num_removed, 'were')} removed"
    return f", {num_kept:,} {are(num_kept, 'were')} here" + (gone if num_removed else "")


def _fetch_bucket(url: str, to: str | None) -> None:
    """Bring a run home from a bucket."""
    bucket = Bucket(url)
    try:
        refuse_no_run(bucket)
    except UserError as error:
        raise NoFolder(str(error)) from error
    target = (runs_folder() if to is None else Path(to).resolve()) / check_run_name(bucket.name)
    run = RunPaths(target)
    if run.events_file.is_file():
        log = bucket.read(run.events_file.name) or b""
        refuse_other(target, run.events_file.read_bytes(), log)
    with _room_told(target):
        came = bucket.bring_home(target)
    there = bucket.files()
    checkpoints = (file for file in run.checkpoints.rglob("*") if file.is_file())
    gone = [file for file in checkpoints if file.relative_to(target).as_posix() not in there]
    for file in gone:
        file.unlink()
    _tell(
        run,
        f"{count(came, 'file')} came{_others(len(there) - came, len(gone))}",
    )


@contextmanager
def _room_told(target: Path) -> Iterator[None]:
    """Tell of a full disk by the folder that it is of: what writes to an open file names none."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f"{target}: no space is left for what comes: make room, or give another disk by --to; "
            "what came stays, and the same command goes on"
        ) from error


def _tell(run: RunPaths, said: str) -> None:
    if not is_run(run):
        raise NoFolder(f"{run.folder}: what came is no run: it has no {run.search_file.name} yet")
    output().print(
        f"{run.folder}: {said}\n"
        f"  tuner show {run.handle}\n"
        f"  tuner promote {run.handle} --top 3 --no_confirm",
        soft_wrap=True,
    )


def _other_end(what: str, choice: ClusterChoice) -> tuple[Ask, str]:
    """Return who sends the run, and its name."""
    if "/" in what and Path(what).expanduser().is_dir() and not choice.flags:
        return folder_here(Path(what).expanduser()), Path(what).name
    here = Path(what)
    if here.is_absolute() and here.is_dir():
        return folder_here(here), here.name
    return folder_there(what, chosen_queue(choice)), here.name


def _job(name: str, choice: ClusterChoice) -> JobInfo:
    try:
        return chosen_queue(choice).job(name)
    except UnknownJob as error:
        raise UnknownJob(
            f"{error}; a run whose job has another name, or is forgotten, is fetched by its folder "
            f"there: tuner fetch '{RUNS_OF_JOBS}/{name}'{choice.flags}"
        ) from error


def _folder_of(job: JobInfo) -> str:
    known = job.metadata
    if "storage" not in known or "run" not in known:
        raise UserError(
            f"the job '{job.name}' does not say where its run lies: name the run's folder on the "
            "cluster, which the first lines of its log tell"
        )
    return f"{known['storage']}/{known['run']}"


@contextmanager
def _job_told(job: JobInfo | None, what: str, choice: ClusterChoice) -> Iterator[None]:
    """Say how a job stands, and what to do, where its run is not there.

    One that waits is not waited for, unless its run is seen here, as after a preemption: what would
    send it may wait behind it.
    """
    if job is not None and job.state == "waiting" and not Path(what).is_dir() and "://" not in what:
        raise NoFolder(_job_words(job, what, choice))
    try:
        yield
    except NoFolder as error:
        if job is None:
            raise
        raise NoFolder(f"{error}: {_job_words(job, what, choice)}") from error


def _job_words(job: JobInfo, what: str, choice: ClusterChoice) -> str:
    """Return why the run of a job is not there, and what to do."""
    named = f"{job.name}{choice.flags}"
    if job.state == "waiting":
        return (
            f"the job '{job.name}' still waits for its turn, and its run comes to {what} when it "
            f"begins: `tuner status {named}` tells when it does, then fetch again"
        )
    if job.state == "running":
        return (
            f"the job '{job.name}' runs, and its run has not begun yet: `tuner logs {job.name} -f"
            f"{choice.flags}` shows how far it is, then fetch again"
        )
    if job.state == "succeeded":
        return (
            f"the job '{job.name}' succeeded, so its run was moved or removed there since: "
            f"`tuner logs {named}` says where it lay; fetch it by its folder"
        )
    why = job.message.strip().partition("\n")[0].partition(", last available logs")[0]
    again = "submit it again by another --name"
    if job.goes_on_by:
        again = f"`{job.goes_on_by}` runs it again"
    if job.state == "stopped":
        return f"the job '{job.name}' was stopped before its run began: {again}"
    return (
        f"the job '{job.name}' failed before its run began{f' ({why})' if why else ''}: "
        f"`tuner logs {named}` says by what; mend that, then {again}"
    )


def _refuse_other(target: Path, what: str) -> None:
    if target.exists() and not target.is_dir():
        raise UserError(f"{target} is a file: give another folder for {what} by --to")
