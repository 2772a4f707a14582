"""`tuner cluster`: the cluster of a profile, started, ended, or listed."""

import itertools
import sys

from cluster.errors import ClusterError
from cluster.job import ENDED, JobInfo
from cluster.launcher import launcher_config
from cluster.local_head import start_head, stop_head
from cluster.profile import AwsProfile, GcpProfile, LocalProfile
from models.config_file import dump_yaml
from models.errors import UserError
from tuner.commands.clusters import (
    ClusterChoice,
    local_head,
    profile_file,
    read_profile,
    shipped_profiles,
    told_to_user,
)
from tuner.commands.console import output
from tuner.commands.jobs import searches
from tuner.record.paths import RUNS_OF_JOBS


def start_cluster(name: str) -> None:
    """Start a Ray head on this machine.

    Raises:
        UserError: the profile is not of this machine, or Ray does not start.
    """
    head = local_head(_local(name))
    with told_to_user():
        pid = start_head(head)
    output().print(
        f"Ray runs on this machine: process {pid}, dashboard {head.url}, files in {head.folder}\n"
        f"  tuner submit grammar_vae/quickstart --cluster {name}\n"
        f"  tuner cluster stop {name}",
        soft_wrap=True,
    )


def stop_cluster(name: str) -> None:
    """End the Ray head that was started on this machine, and tell which jobs that cuts off.

    Raises:
        UserError: the profile is not of this machine, or the head does not end.
    """
    head = local_head(_local(name))
    cut_off = _unended(name)
    with told_to_user():
        was_there = stop_head(head)
    said = output()
    said.print(f"{head.url}: {'ended' if was_there else 'nothing was running'}")
    for job in cut_off:
        place = f"{job.metadata.get('storage', RUNS_OF_JOBS)}/{job.metadata.get('run', job.name)}"
        goes_on = f"`tuner resume {place}` goes on with it, if it had begun"
        said.print(f"{job.name} was {job.state} and is cut off: {goes_on}", soft_wrap=True)


def _unended(profile: str) -> list[JobInfo]:
    try:
        jobs = searches(ClusterChoice(profile=profile))
    except ClusterError:  # nothing answers, and what hangs has to be ended, too
        return []
    return [job for job in jobs if job.state not in ENDED]


def show_cluster(name: str) -> None:
    """Print what Ray's launcher is given for a profile, or the profile where it has no use.

    Raises:
        UserError: no such profile, or mistakes in its file.
    """
    choice = ClusterChoice(profile=name)
    profile = read_profile(choice)
    if isinstance(profile, AwsProfile | GcpProfile):
        header = f"Ray's cluster launcher, from the profile {name}: ray up THIS_FILE"
        sys.stdout.write(dump_yaml(launcher_config(profile), header))
        return
    sys.stdout.write(profile_file(choice).read_text(encoding="utf-8"))


def list_clusters() -> None:
    """Print the profiles that ship, with the first sentence of each."""
    for name, file in shipped_profiles().items():
        lines = file.read_text(encoding="utf-8").splitlines()
        comments = itertools.takewhile(lambda line: line.startswith("#"), lines)
        words = " ".join(line.lstrip("# ") for line in comments)
        output().print(f"{name:10}{words.partition('. ')[0]}", soft_wrap=True)


def _local(name: str) -> LocalProfile:
    profile = read_profile(ClusterChoice(profile=name))
    if not isinstance(profile, LocalProfile):
        raise UserError(f"'{name}' is a cluster of kind {profile.kind}, which is not started here")
    return profile
