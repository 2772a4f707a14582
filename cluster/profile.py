"""Which clusters there are, each with its settings: what a profile file holds."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias


@dataclass(frozen=True, kw_only=True)
class _Profile:
    """What all profiles may say.

    Attributes:
        storage: where runs lie, unless the search says it: a folder that all nodes see, or
            s3://, gs://.
        environment: variables of the job; everybody on the cluster can read them.
    """

    storage: str | None = None
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LocalProfile(_Profile):
    """A Ray head on this machine, started when it is needed."""

    kind: Literal["local"] = "local"
    folder: str = "/tmp/tuner-local-{user}"
    port: int = 6379
    dashboard_port: int = 8265
    agent_port: int = 52365
    num_cpus: int | None = None
    num_gpus: int | None = None


@dataclass(frozen=True, kw_only=True)
class AddressProfile(_Profile):
    """A Ray cluster that runs already, by the address of its dashboard."""

    kind: Literal["address"] = "address"
    address: str = "http://127.0.0.1:8265"


@dataclass(frozen=True, kw_only=True)
class SlurmProfile(_Profile):
    """Slurm, from one of its machines: a Ray cluster of its own for every search.

    Attributes:
        folder: of the jobs' files, on a disk that all nodes see; see `cluster.slurm.jobs`.
        setup: lines of shell before anything else, such as `source /shared/venv/bin/activate`.
    """

    kind: Literal["slurm"] = "slurm"
    folder: str = "~/tuner-jobs"
    num_nodes: int = 2
    num_gpus: int = 0
    num_cpus: int = 8
    memory_gb: int = 32
    hours: int = 12
    partition: str | None = None
    setup: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class KubeRayProfile(_Profile):
    """KubeRay: a RayJob for every search, with a Ray cluster of its own.

    Attributes:
        image: with this project and what it needs installed.
        namespace: of Kubernetes.
        num_workers: pods beside the head.
        num_gpus: of each worker.
        num_cpus: of each worker and of the head.
        memory_gb: likewise.
        volume_claim: a claim that is mounted at /shared on all of them, for `storage`.
        secret: a Secret whose keys become variables, as for a bucket's credentials.
        ray_version: of the image.
    """

    kind: Literal["kuberay"] = "kuberay"
    image: str
    namespace: str = "default"
    num_workers: int = 2
    num_gpus: int = 0
    num_cpus: int = 8
    memory_gb: int = 32
    volume_claim: str | None = None
    secret: str | None = None
    ray_version: str = "2.60.0"


@dataclass(frozen=True, kw_only=True)
class _CloudProfile(_Profile):
    """Machines that Ray's launcher starts, the workers among them spot: they come and go.

    Attributes:
        name: of the cluster.
        max_workers: how many workers there are at most.
        num_cpus: of a worker.
        num_gpus: of a worker.
        setup: shell commands on every machine; they install this project's needs.
    """

    name: str = "tuner"
    max_workers: int = 4
    num_cpus: int = 8
    num_gpus: int = 1
    setup: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AwsProfile(_CloudProfile):
    """Amazon EC2.

    Attributes:
        image: of the region. Ray's own default is an Ubuntu 18.04, whose libraries are too old for
            torch.
    """

    kind: Literal["aws"] = "aws"
    image: str
    region: str = "us-west-2"
    head_type: str = "m6i.xlarge"
    worker_type: str = "g5.2xlarge"


@dataclass(frozen=True, kw_only=True)
class GcpProfile(_CloudProfile):
    """Google Compute Engine."""

    kind: Literal["gcp"] = "gcp"
    project: str
    region: str = "us-west1"
    zone: str = "us-west1-a"
    head_type: str = "n2-standard-4"
    worker_type: str = "g2-standard-8"
    accelerator: str = "nvidia-l4"
    image: str = "projects/ml-images/global/images/family/common-cu128-ubuntu-2204-nvidia-570"


Profile: TypeAlias = (
    LocalProfile | AddressProfile | SlurmProfile | KubeRayProfile | AwsProfile | GcpProfile
)

PROFILE_KINDS: dict[str, type[Profile]] = {
    "local": LocalProfile,
    "address": AddressProfile,
    "slurm": SlurmProfile,
    "kuberay": KubeRayProfile,
    "aws": AwsProfile,
    "gcp": GcpProfile,
}
