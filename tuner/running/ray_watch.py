"""Notices that Ray was lost under the driver, long before Ray ends the driver without a word.

Ray waits for 10 s when its node process is gone and for 60 s when the control service is, and then
ends the process from within, where no record can be settled.
"""

import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from tuner.errors import RayLost

_TIMEOUT_S = 2.0
_PATIENCE_S = 2.0
_CLUSTER_PATIENCE_S = 30.0
"""The head of a cluster may come back, and networks have their moments."""

Address = str | tuple[str, int]
"""The path of a socket, or a host and a port."""


class RayWatch:
    """Notices a service of Ray that answers nobody any more.

    Args:
        services: address by name.
        patience_s: for how long a service may be away.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        services: Mapping[str, Address],
        patience_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = services
        self._patience_s = patience_s
        self._clock = clock
        self._seen = dict.fromkeys(services, clock())

    def check(self) -> None:
        """Look after all services.

        Raises:
            RayLost: one is lost.
        """
        for name, address in self._services.items():
            if _answers(address):
                self._seen[name] = self._clock()
            elif self._clock() - self._seen[name] >= self._patience_s:
                raise RayLost(f"Ray was lost: {name} is gone")


def watch_ray() -> RayWatch:
    """Return a watch over what the connected driver cannot do without."""
    import ray._private.worker

    node: Any = ray._private.worker._global_node
    host, _, port = node.gcs_address.rpartition(":")
    services: dict[str, Address] = {
        f"its control service (GCS) at {node.gcs_address}": (host.strip("[]"), int(port)),
        "its process on this machine (raylet)": node.raylet_socket_name,
    }
    return RayWatch(services, _PATIENCE_S if node.is_head() else _CLUSTER_PATIENCE_S)


def _answers(address: Address) -> bool:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    if isinstance(address, tuple) and ":" in address[0]:
        family = socket.AF_INET6
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(_TIMEOUT_S)
        try:
            probe.connect(address)
        except OSError:
            return False
    return True
