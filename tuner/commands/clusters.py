"""The cluster that a command means: a profile, or the address of a dashboard."""

import errno
import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cluster.profiles
from cluster.errors import ClusterError, NoAnswer
from cluster.job import JobQueue
from cluster.local_head import LocalHead, start_head
from cluster.profile import (
    PROFILE_KINDS,
    AddressProfile,
    KubeRayProfile,
    LocalProfile,
    Profile,
    SlurmProfile,
)
from cluster.ray_jobs import DEFAULT_ADDRESS, RayJobs
from cluster.slurm.jobs import SlurmJobs
from models.config_file import read_yaml, to_config
from models.errors import UserError, unknown_name
from tuner.record.paths import RUNS_OF_JOBS
from tuner.search.storage import read_storage

ADDRESS_VARIABLE = "RAY_API_SERVER_ADDRESS"
"""What Ray's own commands read, too."""
_OF_SLURM = (
    "num_nodes", "num_gpus", "num_cpus", "memory_gb", "hours", "partition", "setup"
)  # fmt: skip


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
    """Tell what a cluster, or a folder of this machine, refuses as any other error of a user."""
    try:
        yield
    except ClusterError as error:
        raise UserError(str(error)) from error
    except OSError as error:
        if error.filename is None or error.errno == errno.ENOSPC:
            raise
        raise UserError(
            f"{error.filename} cannot be used ({error.strerror}): name another place, or see that "
            "you may write there"
        ) from error


def shipped_profiles() -> dict[str, Path]:
    """Return the profiles that ship, by name."""
    folder = Path(cluster.profiles.__file__).parent
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def profile_file(choice: ClusterChoice) -> Path:
    """Return the file of a profile: one that ships by its name, else one by its path.

    Raises:
        UserError: there is none.
    """
    name, shipped = choice.profile or "", shipped_profiles()
    if name in shipped:
        return shipped[name]
    if not Path(name).is_file():
        raise unknown_name("cluster profile", name, shipped)
    return Path(name)


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
    file = profile_file(choice)
    content = read_yaml(file)
    if not isinstance(content, dict) or content.get("kind") not in PROFILE_KINDS:
        kinds = ", ".join(PROFILE_KINDS)
        raise UserError(f"{file}: a profile needs `kind:`, one of {kinds}")
    profile = to_config(PROFILE_KINDS[content["kind"]], content, str(file))
    try:
        read_storage(profile.storage)
    except UserError as error:
        raise UserError(f"{file}: {error}") from error
    return profile


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


def chosen_queue(choice: ClusterChoice) -> JobQueue:
    """Return the jobs of the cluster that was typed.

    Raises:
        ClusterError: it cannot be reached.
        UserError: no such profile, or mistakes in its file.
    """
    return queue_of(read_profile(choice), choice)


def queue_of(
    profile: Profile, choice: ClusterChoice | None = None, *, start: bool = False
) -> JobQueue:
    """Return the jobs of a cluster; with `start` a local one is started when it does not run.

    Args:
        profile: of the cluster.
        choice: what was typed to mean it; None: nothing.
        start: whether to start it.

    Raises:
        ClusterError: it cannot be reached.
    """
    flags = None if choice is None else choice.flags
    name = "PROFILE" if choice is None else choice.profile
    match profile:
        case AddressProfile():
            return RayJobs(profile.address, flags)
        case LocalProfile():
            head = local_head(profile)
            if start:
                start_head(head)
            try:
                return RayJobs(head.url, flags)
            except NoAnswer as error:
                raise ClusterError(
                    f"no Ray answers at {head.url} of this machine: `tuner cluster start {name}` "
                    "starts one. What one that has ended knew of its jobs is gone; their runs are "
                    f"where they were stored (`tuner fetch {RUNS_OF_JOBS}/NAME`, if nothing else "
                    "was said)"
                ) from error
        case SlurmProfile():
            return SlurmJobs(
                folder=Path(profile.folder).expanduser().resolve(),
                settings={name: getattr(profile, name) for name in _OF_SLURM},
                flags=flags or "",
            )
        case KubeRayProfile():
            raise ClusterError(
                "Kubernetes keeps the jobs of this profile: "
                f"`kubectl get rayjobs -n {profile.namespace}` lists them"
            )
    raise ClusterError(
        "Ray's launcher starts the machines of this profile: "
        f"`tuner cluster show {name} > cluster.yaml`, then `ray up cluster.yaml` and "
        "`ray dashboard cluster.yaml`, whose tunnel stays open; go on with "
        f"--address {DEFAULT_ADDRESS} instead of --cluster"
    )


def place_of(profile: Profile) -> str:
    """Return where a cluster's jobs are, in words."""
    match profile:
        case AddressProfile():
            return profile.address
        case LocalProfile():
            return local_head(profile).url
        case SlurmProfile():
            return f"Slurm ({profile.folder})"
    return profile.kind
