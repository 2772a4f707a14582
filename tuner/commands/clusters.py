"""The cluster that a command means: a profile, or the address of a dashboard."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cluster.profiles
from cluster.errors import ClusterError
from cluster.job import JobQueue
from cluster.local_head import LocalHead, start_head
from cluster.profile import PROFILE_KINDS, AddressProfile, LocalProfile, Profile
from cluster.ray_jobs import DEFAULT_ADDRESS, RayJobs
from models.config_file import read_yaml, to_config
from models.errors import UserError, unknown_name

ADDRESS_VARIABLE = "RAY_API_SERVER_ADDRESS"
"""What Ray's own commands read, too."""


@dataclass(frozen=True, kw_only=True)
class ClusterChoice:
    """What was typed: a profile, an address, or neither."""

    profile: str | None = None
    address: str | None = None

    @property
    def flags(self) -> str:
        """What to type for the same cluster again, with a space before it."""
        if self.profile is not None:
            return f" --cluster {self.profile}"
        return "" if self.address is None else f" --address {self.address}"


@contextmanager
def told_to_user() -> Iterator[None]:
    """Tell what a cluster refuses as any other error of a user."""
    try:
        yield
    except ClusterError as error:
        raise UserError(str(error)) from error


def shipped_profiles() -> dict[str, Path]:
    """Return the profiles that ship, by name."""
    folder = Path(cluster.profiles.__file__).parent
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def read_profile(choice: ClusterChoice) -> Profile:
    """Return the profile that is meant.

    Raises:
        UserError: both a profile and an address, no such profile, or mistakes in its file.
    """
    if choice.profile is None:
        address = choice.address or os.environ.get(ADDRESS_VARIABLE) or DEFAULT_ADDRESS
        return AddressProfile(address=address)
    if choice.address is not None:
        raise UserError("--cluster and --address both name a cluster: give one of them")
    file = Path(choice.profile)
    if not file.is_file():
        shipped = shipped_profiles()
        if choice.profile not in shipped:
            raise unknown_name("cluster profile", choice.profile, shipped)
        file = shipped[choice.profile]
    content = read_yaml(file)
    if not isinstance(content, dict) or content.get("kind") not in PROFILE_KINDS:
        kinds = ", ".join(PROFILE_KINDS)
        raise UserError(f"{file}: a profile needs `kind:`, one of {kinds}")
    return to_config(PROFILE_KINDS[content["kind"]], content, str(file))


def local_head(profile: LocalProfile) -> LocalHead:
    """Return the head of this machine that a profile means."""
    return LocalHead(
        folder=Path(profile.folder.format(user=getpass.getuser())),
        port=profile.port,
        dashboard_port=profile.dashboard_port,
        agent_port=profile.agent_port,
        num_cpus=profile.num_cpus,
        num_gpus=profile.num_gpus,
    )


def queue_of(profile: Profile, *, start: bool = False) -> JobQueue:
    """Return the jobs of a cluster; with `start` a local one is started when it does not run.

    Raises:
        ClusterError: it cannot be reached.
    """
    if isinstance(profile, AddressProfile):
        return RayJobs(profile.address)
    head = local_head(profile)
    if start:
        start_head(head)
    return RayJobs(head.url)


def address_of(profile: Profile) -> str:
    """Return the address of a cluster's dashboard."""
    return profile.address if isinstance(profile, AddressProfile) else local_head(profile).url
