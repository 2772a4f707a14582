"""Starts the process that follows a search, and lets it finish when the search has ended.

It is fed from the event log alone, so it costs trials and driver nothing, and what becomes of it
becomes of nothing else. It ends by itself, soon after its standard input does, which is when the
driver ends in whatever way: nothing of it has to be cleared up after a kill.
"""

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from models.config_file import to_mapping
from models.errors import UserError
from tuner.errors import SearchInterrupted
from tuner.record.liveness import driver_identity
from tuner.record.past import Past
from tuner.record.paths import RunPaths
from tuner.running.follow_plan import INTERRUPTED_S, FollowPlan
from tuner.running.own_process import start_module
from tuner.search.search import Search
from tuner.search.webhooks import webhook_url

_MODULE = "tuner.running.follower"
_MARGIN_S = 3.0

Say = Callable[[str], None]


@contextmanager
def following(search: Search, paths: RunPaths, past: Past, say: Say) -> Iterator[None]:
    """Let what the search asks for follow it during the block.

    Args:
        search: what is run.
        paths: of the run.
        past: what drivers before had reached.
        say: takes a line for people, in another thread.
    """
    plan = _plan(search, paths, past, say)
    if not plan.is_needed:
        yield
        return
    reader, writer = os.pipe()
    try:
        process = start_module(_MODULE, str(writer), stdin=subprocess.PIPE, pass_fds=[writer])
    finally:
        os.close(writer)
    listener = threading.Thread(target=_pass_on, args=(reader, say), name="follower", daemon=True)
    listener.start()
    patience_s = plan.end_s
    try:
        _tell(process, json.dumps(to_mapping(plan)) + "\n")
        yield
    except SearchInterrupted:
        patience_s = INTERRUPTED_S
        raise
    finally:
        _let_finish(process, patience_s + _MARGIN_S)
        listener.join(_MARGIN_S)


def _plan(search: Search, paths: RunPaths, past: Past, say: Say) -> FollowPlan:
    webhook = None
    if search.notify.webhook is not None:
        try:
            webhook = webhook_url(search.notify.webhook)
        except UserError as error:  # of a run that is resumed
            say(f"{error}. The search goes on, and no webhook is told of it")
    return FollowPlan(
        folder=str(paths.folder),
        driver=driver_identity(),
        num_known=len(past.events),
        model=search.model,
        ranking=search.ranking,
        num_trials=search.num_trials,
        max_epochs=search.scheduler.max_epochs,
        webhook=webhook,
        command=search.notify.command,
        events=search.notify.events,
        wandb=search.log.wandb,
        tensorboard=search.log.tensorboard,
        settings=dict(search.space.preset),
    )


def _tell(process: subprocess.Popen[bytes], text: str) -> None:
    assert process.stdin is not None
    with suppress(OSError):  # it is gone, as its log says
        process.stdin.write(text.encode())
        process.stdin.flush()


def _let_finish(process: subprocess.Popen[bytes], patience_s: float) -> None:
    """Wait until it has done the rest; it keeps to its own time, unless something is very wrong."""
    assert process.stdin is not None
    try:
        with suppress(OSError):
            process.stdin.close()
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()
        process.wait()


def _pass_on(reader: int, say: Say) -> None:
    with os.fdopen(reader, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            say(line.rstrip("\n"))
