"""A Ray of this machine for one search: it lives in a folder of its own, and ends with it."""

import atexit
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.commands.process import USER_ERROR, usable_cores
from models.errors import UserError
from tuner.errors import RayLost, SearchInterrupted
from tuner.running.fork_server import ForkServer, StartedServer, fork_server
from tuner.running.interrupts import handlers_kept
from tuner.running.lean_ray import (
    forked_workers,
    lean_start,
    quick_end,
    quiet_address,
    raylet_pid,
    without_metrics,
)
from tuner.running.leftovers import (
    MPS_FOLDER,
    end_folder,
    end_leftovers,
    end_processes,
    make_folder,
    watched,
)
from tuner.running.mps import mps_daemon
from tuner.running.trial_failure import short_message

TEMPORARY_VARIABLE = "RAY_TMPDIR"
QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
_LONGEST_PARENT = 28
"""A socket's path has 107 characters at most, of which our folder and Ray's names take 79."""


@dataclass(frozen=True)
class RaySession:
    """Ray as it was started or joined.

    Attributes:
        dashboard: its address, if there is one.
        call: calls a function where what workers need is imported, if such a process is there.
    """

    dashboard: str | None = None
    call: Callable[[Callable[[], Any]], Any] = lambda function: function()


@contextmanager
def started_here(
    dashboard: bool,
    share_gpus: bool,
    preload: Sequence[str],
    num_threads: int,
    *,
    server: StartedServer | None,
    say: Callable[[str], None],
) -> Iterator[RaySession]:
    """Run the block with a Ray of this machine; see `ray_session`."""
    parent = _temporary_parent()
    end_leftovers(parent)
    folder = make_folder(parent)
    daemon = mps_daemon(folder / MPS_FOLDER, say) if share_gpus else nullcontext()
    try:
        # The daemon ends after its clients, the workers.
        metrics = nullcontext() if dashboard else without_metrics()
        ahead = fork_server(folder, preload, num_threads, server)
        with watched(folder), daemon, metrics, ahead as forks:
            url = _start(folder, dashboard, forks)
            with ended(_end, unless=(RayLost, SearchInterrupted)):
                yield RaySession(url or None, forks.call)
    except RayLost as error:
        end_processes(folder)
        raise RayLost(f"{error}; {_keep_logs(folder)}") from error.__cause__
    finally:
        end_folder(folder)


def _start(folder: Path, dashboard: bool, server: ForkServer) -> str | None:
    import ray

    try:
        lean = nullcontext() if dashboard else lean_start()
        forked = forked_workers(server.launcher)
        with handlers_kept(), quiet_address(), _workers_use(str(folder)), lean, forked:
            context = ray.init(
                address="local",
                num_cpus=_fewer_cores(),
                include_dashboard=dashboard,
                _temp_dir=str(folder),
                **QUIET,
            )
    except Exception as error:  # Ray raises all kinds of them
        raise RayLost(
            f"Ray cannot be started on this machine ({short_message(error)}): it gives its "
            "processes 30 s, which on a busy machine may be too few, so try again"
        ) from error
    server.prepare(ray.get_runtime_context().get_job_id(), raylet_pid())
    return context.dashboard_url


def _fewer_cores() -> int | None:
    """Return how many processors we may use where Ray would count more; None leaves it to Ray.

    Ray looks at the limits of containers, and not at the processors that a process is kept to.
    """
    from ray._private.utils import get_num_cpus

    cores = usable_cores()
    return cores if cores < get_num_cpus(override_docker_cpu_warning=True) else None


@contextmanager
def ended(
    end: Callable[[], None], *, unless: type[BaseException] | tuple[type[BaseException], ...]
) -> Iterator[None]:
    """End Ray in order after the block, unless it raises one of these: then leave Ray as it is."""
    try:
        yield
    except unless as error:
        leave_ray(getattr(error, "exit_code", USER_ERROR))
        raise
    except BaseException:
        end()
        raise
    end()


def leave_ray(exit_code: int) -> None:
    """Let this process end with `exit_code`, and without a farewell to Ray.

    If Ray is lost, or ended by the same signal as we, its farewell takes a minute, or crashes.
    """
    atexit.register(_exit, exit_code)  # Python calls last what Ray registered first


def _exit(exit_code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)


def _end() -> None:
    import ray

    with quick_end():
        ray.shutdown()


def _keep_logs(folder: Path) -> str:
    """Move Ray's logs out of a folder that is about to be removed, and say where they are."""
    for logs in folder.glob("session_2*/logs"):
        kept = folder.with_name(f"ray-logs-{folder.name}")
        with suppress(OSError):
            logs.rename(kept)
            return f"its logs are in {kept}"
    return "it left no logs"


@contextmanager
def _workers_use(folder: str) -> Iterator[None]:
    """Let processes started in the block put temporary files where nothing of them stays.

    A worker that is killed while it writes a checkpoint leaves it behind.
    """
    tempfile.gettempdir()  # kept by Python from now on, for this process
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = folder
    try:
        yield
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


def _temporary_parent() -> Path:
    """Return where the folder of a Ray that is started here lies.

    Raises:
        UserError: the variable RAY_TMPDIR says a folder that cannot be.
    """
    parent = Path(os.environ.get(TEMPORARY_VARIABLE) or "/tmp")
    if len(str(parent)) > _LONGEST_PARENT:
        raise UserError(
            f"{TEMPORARY_VARIABLE} is {parent}, which is too long: Ray's sockets lie in it, so it "
            f"may have {_LONGEST_PARENT} characters"
        )
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{TEMPORARY_VARIABLE} is {parent}, where no folder can be made "
            f"({error.strerror or error}): choose another"
        ) from error
    return parent
