"""Ray for one search: started here and ended here, or joined where it runs already."""

import math
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cluster.errors import ClusterError
from cluster.tokens import send_token_if_wanted
from models.errors import UserError
from tuner.errors import RayLost
from tuner.running.address import ADDRESS_VARIABLE, given_address
from tuner.running.fork_server import StartedServer
from tuner.running.interrupts import handlers_kept
from tuner.running.lean_ray import quiet_address
from tuner.running.local_ray import QUIET, RaySession, ended, started_here
from tuner.running.node_labels import check_label, labelled_nodes
from tuner.search.search import Search

_CONNECT_TIMEOUT_S = 10.0

# Read by Ray when it is imported or started; what the user has set wins.
_ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",  # only the older reporter can be silenced
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths stay true in workers
    # Ray prints it to our standard output; the log file, the view or our message say it too.
    "RAY_DEDUP_LOGS_SKIP_REGEX": (
        "A worker died or was killed|Raylet is terminated|has been marked dead"
    ),
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what Ray will do next, without its warning
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the record is ours
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # ours tells us of the interrupt
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",  # nothing is restored from Ray's snapshots
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    # Ray writes its own snapshot whenever a trial has written as many checkpoints as it keeps.
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


@contextmanager
def ray_session(
    address: str | None = None,
    dashboard: bool = False,
    *,
    share_gpus: bool = False,
    preload: Sequence[str] = (),
    num_threads: int = 1,
    server: StartedServer | None = None,
    say: Callable[[str], None] = print,
) -> Iterator[RaySession]:
    """Run the block with Ray, and end afterwards what was started for it.

    Args:
        address: a cluster to join; the variable RAY_ADDRESS says it too. None starts Ray on this
            machine, in a temporary folder of its own.
        dashboard: whether to start Ray's dashboard on this machine.
        share_gpus: whether trials share a GPU, so that a Ray started here wants an MPS daemon.
        preload: modules that workers on this machine find imported.
        num_threads: in which a worker on this machine trains.
        server: what forks the workers on this machine, where it was started ahead.
        say: takes a line for people.

    Raises:
        UserError: the cluster cannot be reached, or Ray cannot be started.
    """
    address = given_address(address)
    if address:
        _check_address(address)
        try:
            send_token_if_wanted(address)
        except ClusterError as error:
            raise UserError(str(error)) from error
    prepare_environment()
    if "ray" in sys.modules and sys.modules["ray"].is_initialized():
        yield RaySession()  # whoever calls us has started it, and ends it too
        return
    started = (
        _joined(address)
        if address
        else started_here(dashboard, share_gpus, preload, num_threads, server=server, say=say)
    )
    with started as session:
        yield session


def prepare_environment() -> None:
    """Set the variables that Ray reads when it is imported."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def trial_resources(search: Search) -> dict[str, float]:
    """Return what one trial takes, by Ray's names."""
    amounts = {"CPU": search.resources.cpu, "GPU": search.resources.gpu}
    return {name: amount for name, amount in amounts.items() if amount}


def check_nodes(search: Search) -> None:
    """Check that one trial fits on a node, since Ray would wait for ever for one that does not.

    Raises:
        UserError: no node is large enough, or none has the labels.
    """
    check_label(search.resources.label, living_nodes())
    check_resources(trial_resources(search), usable_nodes(search))


def check_resources(wanted: Mapping[str, float], nodes: Sequence[Mapping[str, Any]]) -> None:
    """Check that one trial fits on one of these nodes.

    Args:
        wanted: what one trial takes: CPU and GPU.
        nodes: as Ray lists them.

    Raises:
        UserError: no node is large enough.
    """
    sizes = [node["Resources"] for node in nodes]
    if any(_fits(wanted, size) for size in sizes):
        return
    mistakes = [
        f"resources.{name.lower()} is {amount:g}, and the largest machine has "
        f"{max((size.get(name, 0) for size in sizes), default=0):g}: lower it"
        for name, amount in wanted.items()
        if not any(_fits({name: amount}, size) for size in sizes)
    ]
    raise UserError("; ".join(mistakes) or "no node has all that a trial takes together")


def num_slots(search: Search) -> int:
    """Return how many trials of a search run side by side on the nodes there are."""
    return num_parallel(trial_resources(search), usable_nodes(search))


def num_parallel(wanted: Mapping[str, float], nodes: Sequence[Mapping[str, Any]]) -> int:
    """Return how many trials run side by side on these nodes."""
    return sum(
        min(math.floor(node["Resources"].get(name, 0) / amount) for name, amount in wanted.items())
        for node in nodes
    )


def usable_nodes(search: Search) -> list[dict[str, Any]]:
    """Return the nodes of the connected Ray that live, and have the labels that trials want."""
    return labelled_nodes(search.resources.label, living_nodes())


def living_nodes() -> list[dict[str, Any]]:
    """Return the nodes of the connected Ray that live."""
    import ray

    return [node for node in ray.nodes() if node["Alive"]]


def _fits(wanted: Mapping[str, float], node: Mapping[str, float]) -> bool:
    return all(node.get(name, 0) >= amount for name, amount in wanted.items())


@contextmanager
def _joined(address: str) -> Iterator[RaySession]:
    import ray

    try:
        with handlers_kept(), quiet_address():
            context = ray.init(address=address, **QUIET)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        remedy = f"check --address and {ADDRESS_VARIABLE}"
        if "Version mismatch" in reason:
            remedy = "install the versions of the cluster here, or submit the search as a job"
        raise UserError(
            f"the Ray cluster at '{address}' cannot be joined ({reason}): {remedy}"
        ) from error
    with ended(ray.shutdown, unless=RayLost):
        yield RaySession(context.dashboard_url or None)


def _check_address(address: str) -> None:
    """Look for somebody at `host:port`, since Ray itself tries for minutes."""
    if address.startswith("ray://"):
        raise UserError(
            f"'{address}' is an address of Ray Client, which a search cannot use: run it on a "
            "machine of the cluster with --address auto, or submit it as a job"
        )
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise UserError(
            f"nothing answers at '{address}' ({error.strerror or error}): check --address and "
            f"{ADDRESS_VARIABLE}, or leave both out to use this machine"
        ) from error
