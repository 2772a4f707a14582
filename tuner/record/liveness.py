"""Whether the process that drives a run is still alive, so that a dead run does not say "running".

The driver writes `driver_identity()` into the run's `environment.json`, one that resumes the run
adds its own; readers ask `is_alive` of `latest_driver`.
"""

import ipaddress
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESUMED = "resumed"
"""Key of the environment: the drivers that resumed the run, in order."""


def driver_identity() -> dict[str, Any]:
    """Return what identifies this process: `host`, `pid`, `pid_started`.

    A process id is used again after a while, so its start time (in clock ticks since boot, where
    the system tells it) goes with it.
    """
    pid = os.getpid()
    return {"host": socket.gethostname(), "pid": pid, "pid_started": start_ticks(pid)}


def latest_driver(environment: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is known of the last driver: the one that began the run, or resumed it."""
    resumed = environment.get(RESUMED)
    return resumed[-1] if resumed else environment


def is_alive(identity: Mapping[str, Any]) -> bool | None:
    """Return whether the process lives; None when it cannot be known, as on another host."""
    pid = identity.get("pid")
    if not is_own_host(identity) or not isinstance(pid, int) or pid <= 0:
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # there is such a process, of another user
    started = identity.get("pid_started")
    return started is None or started == start_ticks(pid)


def is_own_host(identity: Mapping[str, Any]) -> bool:
    """Return whether the process ran on this machine."""
    return identity.get("host") == socket.gethostname()


def is_own_address(address: str) -> bool:
    """Return whether an IP address is one of this machine's; names are not looked up."""
    try:
        version = ipaddress.ip_address(address).version
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))  # which only an own address allows
    except (ValueError, OSError):
        return False
    return True


def start_ticks(pid: int) -> int | None:
    """Return when a process began, in clock ticks since boot; None where none such runs."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The command's name may hold spaces and parentheses: what follows it begins with field 3.
    fields = stat.rpartition(")")[2].split()
    # A zombie has ended; only its parent has not asked yet.
    return None if fields[0] in ("Z", "X") else int(fields[19])
