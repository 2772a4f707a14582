"""Ray in a thread of its own, where it starts beside other work and is watched while it runs."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

from tuner.errors import RayLost, SearchInterrupted
from tuner.running.fork_server import StartedServer
from tuner.running.interrupts import Interrupts
from tuner.running.local_ray import RaySession, leave_ray
from tuner.running.ray_session import ray_session
from tuner.running.ray_watch import watch_ray

_INTERVAL_S = 1.0
_END_TIMEOUT_S = 10.0
"""Ray's own end takes one or two seconds; later than this it waits for what never comes."""


@contextmanager
def ray_session_beside(
    address: str | None = None,
    dashboard: bool = False,
    *,
    share_gpus: bool = False,
    preload: Sequence[str] = (),
    num_threads: int = 1,
    server: StartedServer | None = None,
    say: Callable[[str], None] = print,
    interrupts: Interrupts,
) -> Iterator[Callable[[], RaySession]]:
    """Start or join Ray beside the block, as it takes seconds, and end it after the block.

    Yields a function that waits until Ray is there, and returns the session or raises what went
    wrong. `interrupts` ends the block when Ray is lost. See `ray_session`.
    """
    started: Future[RaySession] = Future()
    ended = threading.Event()

    def serve() -> None:
        try:
            with ray_session(
                address,
                dashboard,
                share_gpus=share_gpus,
                preload=preload,
                num_threads=num_threads,
                server=server,
                say=say,
            ) as session:
                watch = watch_ray()
                started.set_result(session)
                while not ended.wait(_INTERVAL_S):
                    watch.check()
                interrupts.check()
        except BaseException as error:  # noqa: BLE001  (the main thread raises it)
            if not started.done():
                started.set_exception(error)
            elif isinstance(error, RayLost):
                interrupts.end_with(
                    SearchInterrupted(exit_code=error.exit_code, problem=str(error))
                )
                interrupts.insist(ended)

    # Linux ends Ray's processes with the thread that started them, so the thread outlives them.
    thread = threading.Thread(target=serve, name="ray session", daemon=True)
    thread.start()
    try:
        yield started.result
    finally:
        with interrupts.ending():
            ended.set()
            thread.join(_END_TIMEOUT_S)
            if thread.is_alive():  # Ray hangs
                leave_ray(interrupts.exit_code)
