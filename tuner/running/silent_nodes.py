"""Notices nodes that were cut off the network for a while and are back.

Ray takes a node for lost after a minute only. One that was cut off for less lives on, but the
answer that a worker sent meanwhile may never come: its side of the connection gave up after 20 s,
and Ray's other side, which waits for it, would ask in five minutes. (Asking earlier is no way out:
`RAY_grpc_client_keepalive_time_ms=10000` broke connections to workers whose epoch took 50 s.)
"""

import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

Address = tuple[str, int]

_INTERVAL_S = 1.0
_TIMEOUT_S = 2.0
_MAX_SIDE_BY_SIDE = 64
_SILENCE_S = 12.0
"""A connection outlives a shorter silence: what was sent is sent again."""


class SilentNodes:
    """Asks nodes whether they are there, in a thread of its own.

    Args:
        answers: whether somebody listens at an address.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        answers: Callable[[Address], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._answers = answers or _answers
        self._clock = clock
        self._lock = threading.Lock()
        self._nodes: dict[str, Address] = {}
        self._since: dict[str, float] = {}  # nodes that are silent: when that was seen first
        self._back: dict[str, float] = {}

    @classmethod
    def asked(cls) -> "SilentNodes":
        """Return one that asks from now on, until this process ends."""
        nodes = cls()

        def ask() -> None:
            while True:
                nodes.ask()
                time.sleep(_INTERVAL_S)

        threading.Thread(target=ask, name="silent nodes", daemon=True).start()
        return nodes

    def watch(self, nodes: Mapping[str, Address]) -> None:
        """Ask these nodes, and no others."""
        with self._lock:
            self._nodes = dict(nodes)

    def ask(self) -> None:
        """Ask all nodes once, side by side: each that is silent is waited for.

        Silence is what was asked and not answered. A driver that did not ask for a while, as its
        machine was busy or asleep, knows nothing of its nodes.
        """
        with self._lock:
            nodes, now = dict(self._nodes), self._clock()
        if not nodes:
            return
        with ThreadPoolExecutor(min(len(nodes), _MAX_SIDE_BY_SIDE)) as threads:
            answers = threads.map(self._answers, nodes.values())
        silent = {node for node, answered in zip(nodes, answers, strict=True) if not answered}
        with self._lock:
            known = {node: since for node, since in self._since.items() if node in self._nodes}
            for node in known.keys() & nodes.keys() - silent:
                if (silent_s := self._clock() - known[node]) >= _SILENCE_S:
                    self._back[node] = silent_s
            self._since = {node: known.get(node, now) for node in silent & self._nodes.keys()}

    def take_back(self) -> dict[str, float]:
        """Return, once, the nodes that are back, and for how many seconds they were silent."""
        with self._lock:
            back, self._back = self._back, {}
            return back


def _answers(address: Address) -> bool:
    try:
        socket.create_connection(address, timeout=_TIMEOUT_S).close()
    except OSError:
        return False
    return True
