"""A quick start and a quick end of Ray on this machine.

On two quiet cores Ray takes 3.4 s to start with the processes behind its dashboard and its log
monitor, which a search without a dashboard never asks for, and 1.8 s without them. Its end takes
1.3 s with patience and 0.3 s without. No option of `ray.init` or `ray.shutdown` says so, hence
methods of Ray are replaced for a moment; a Ray that has no such methods does as it always does.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock


@contextmanager
def lean_start() -> Iterator[None]:
    """Let Ray start without dashboard and log monitor inside the block.

    It also ends at once when one of its processes dies, for which Ray would wait half a minute.
    """
    from ray._private import services
    from ray._private.node import Node

    nodes: list[Any] = []
    ask = getattr(services, "get_node", None)

    def no_dashboard(node: Any, **options: Any) -> None:
        node._webui_url = ""  # what Ray sets when it starts without a dashboard
        nodes.append(node)

    def get_node(*where: Any) -> Any:
        for name, _ in (dead for node in nodes for dead in node.dead_processes()):
            raise ChildProcessError(f"its process {name} died")
        assert ask is not None
        return ask(*where)

    with (
        _replaced(Node, start_api_server=no_dashboard, start_log_monitor=_nothing),
        _replaced(services, get_node=get_node),
    ):
        yield


@contextmanager
def quick_end() -> Iterator[None]:
    """Let Ray kill its processes inside the block, not ask them to end one after another.

    The raylet, killed, takes its workers and agents along within half a second.
    """
    from ray._private.node import Node

    end = getattr(Node, "kill_all_processes", _nothing)

    def kill(node: Any, **options: Any) -> None:
        end(node, check_alive=False, allow_graceful=False, wait=True)

    with _replaced(Node, kill_all_processes=kill):
        yield


@contextmanager
def _replaced(owner: Any, **functions: Callable[..., Any]) -> Iterator[None]:
    """Replace those of the functions that the class or module has."""
    with ExitStack() as stack:
        for name, function in functions.items():
            if hasattr(owner, name):
                stack.enter_context(mock.patch.object(owner, name, function))
        yield


def _nothing(node: Any, **options: Any) -> None:
    pass
