"""`tuner cluster`: the cluster of a profile, started, ended, or listed."""

from cluster.local_head import start_head, stop_head
from cluster.profile import LocalProfile
from models.errors import UserError
from tuner.commands.clusters import (
    ClusterChoice,
    local_head,
    read_profile,
    shipped_profiles,
    told_to_user,
)
from tuner.commands.console import output


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
    """End the Ray head that was started on this machine, and nothing else.

    Raises:
        UserError: the profile is not of this machine, or the head does not end.
    """
    head = local_head(_local(name))
    with told_to_user():
        was_there = stop_head(head)
    output().print(f"{head.url}: {'ended' if was_there else 'nothing was running'}")


def list_clusters() -> None:
    """Print the profiles that ship, with the first line of each."""
    for name, file in shipped_profiles().items():
        first = file.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        output().print(f"{name:10}{first}", soft_wrap=True)


def _local(name: str) -> LocalProfile:
    profile = read_profile(ClusterChoice(profile=name))
    if not isinstance(profile, LocalProfile):
        raise UserError(f"'{name}' is a cluster of kind {profile.kind}, which is not started here")
    return profile
