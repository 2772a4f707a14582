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


Profile: TypeAlias = LocalProfile | AddressProfile

PROFILE_KINDS: dict[str, type[Profile]] = {"local": LocalProfile, "address": AddressProfile}
