"""`tuner submit`: hand a search to a cluster as a job."""

import getpass
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cluster.job import Job, JobInfo, JobQueue
from cluster.package import pack
from cluster.profile import KubeRayProfile, Profile
from models.errors import UserError
from models.wording import count
from tuner.commands.clusters import (
    ClusterChoice,
    local_head,
    place_of,
    queue_of,
    read_profile,
    told_to_user,
)
from tuner.commands.console import output
from tuner.commands.jobs import follow
from tuner.commands.kuberay import write_manifest
from tuner.commands.packing import (
    SearchPackage,
    job_metadata,
    package_search,
    search_command,
)
from tuner.commands.search import split_storage
from tuner.record.bucket import BUCKET_VARIABLES
from tuner.record.paths import RUNS_OF_JOBS, check_run_name, default_run_name
from tuner.running.gpu_share import refuse_auto_elsewhere
from tuner.running.study_place import without_password
from tuner.search.loading import load_search
from tuner.search.search import Search
from tuner.search.storage import is_bucket, read_storage

_SAME = ("waiting", "running", "succeeded")


def submit(
    file: str,
    overrides: Sequence[str],
    *,
    choice: ClusterChoice,
    name: str | None,
    storage: Sequence[str],
    again: bool,
    wait: bool,
) -> int:
    """Submit the search, say how to go on, and with `wait` follow it to its end.

    Returns the exit code: 1 where the job was waited for and failed.

    Raises:
        UserError: the search has mistakes, was submitted before, or the cluster refuses it.
    """
    profile = read_profile(choice)
    place, database = split_storage(storage)
    search = load_search(file, overrides, check_files=True)
    refuse_auto_elsewhere(search, choice.profile)
    place = read_storage(place) or search.storage or profile.storage or RUNS_OF_JOBS
    _refuse_password(database)
    for line in search.advice:
        sys.stderr.write(f"advice: {line}\n")
    package = package_search(search)
    _note_untracked(package)
    if is_bucket(place):
        _note_variables(profile)
    job_name = _name(search, name)
    if isinstance(profile, KubeRayProfile):
        with told_to_user():
            write_manifest(profile, search, package, name=job_name, place=place, database=database)
        return 0
    with told_to_user():
        queue = queue_of(profile, choice, start=True)
        if not again:
            _refuse_second(queue, package, choice)
        with tempfile.TemporaryDirectory() as scratch:
            job = Job(
                name=job_name,
                command=search_command(
                    package.search_file,
                    job_name,
                    place,
                    database,
                    may_be_repeated=profile.kind == "slurm",
                ),
                package=pack(Path(scratch) / "job.zip", package.files, package.texts),
                environment={**package.environment, **profile.environment},
                metadata=job_metadata(search, package, job_name, place),
            )
            queue.submit(job)
    output().print(
        f"{job_name}: submitted to {place_of(profile)}; its run lies in {place}\n"
        f"  tuner logs {job_name} -f{choice.flags}\n"
        f"  tuner status {job_name}{choice.flags}\n"
        f"  tuner stop {job_name}{choice.flags}\n"
        f"  tuner fetch {job_name}{choice.flags}",
        soft_wrap=True,
    )
    if profile.kind == "local":
        output().print(
            f"The cluster on this machine goes on in {local_head(profile).folder}; end it with "
            f"`tuner cluster stop {choice.profile}`",
            soft_wrap=True,
        )
    return follow(job_name, choice) if wait else 0


def _name(search: Search, name: str | None) -> str:
    """Return the name of run and job, which two users of one cluster do not choose alike."""
    if name is not None:
        return check_run_name(name)
    user = re.sub(r"[^A-Za-z0-9]+", "-", getpass.getuser()).strip("-")
    made = default_run_name(search.stem, datetime.now())
    return check_run_name(f"{user}-{made}"[-100:] if user else made)


def _refuse_second(queue: JobQueue, package: SearchPackage, choice: ClusterChoice) -> None:
    for info in queue.jobs():
        if info.metadata.get("digest") == package.digest and info.state in _SAME:
            raise UserError(
                f"this search was submitted already: {_described(info)}. Look at it with "
                f"`tuner status {info.name}{choice.flags}`, or give --again for a second one"
            )


def _described(info: JobInfo) -> str:
    return f"the job {info.name} of {info.metadata.get('user', 'somebody')}, {info.state}"


def _refuse_password(database: str | None) -> None:
    if database is not None and without_password(database) != database:
        raise UserError(
            f"{without_password(database)} holds a password, which the dashboard would show to "
            "everybody: leave it out, and put it into ~/.pgpass of the cluster's head"
        )


def _note_variables(profile: Profile) -> None:
    """Say that what leads to the bucket from here has to be known there, too."""
    here = sorted(name for name in BUCKET_VARIABLES if name in os.environ)
    if missing := [name for name in here if name not in profile.environment]:
        sys.stderr.write(
            f"note: {', '.join(missing)} of this shell {'is' if len(missing) == 1 else 'are'} not "
            "sent along: the cluster's machines need what leads to the bucket in their own "
            "environment (what is no secret may stand in `environment:` of a profile)\n"
        )


def _note_untracked(package: SearchPackage) -> None:
    if package.untracked:
        shown = ", ".join(package.untracked[:3])
        more = ", ..." if len(package.untracked) > 3 else ""
        sys.stderr.write(
            f"note: {count(len(package.untracked), 'new file', 'is', 'are')} left out, as git does "
            f"not track {'it' if len(package.untracked) == 1 else 'them'}: {shown}{more}\n"
        )
