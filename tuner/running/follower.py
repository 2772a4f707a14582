"""The process beside a search that follows its event log, and tells others what it says.

    python -m tuner.running.follower FILE_NUMBER

It is told by the first line of its standard input what to do, writes lines for people to the open
file of that number, and notes them in the run's log. It keeps behind the trials on the processor.
"""

import json
import logging
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from models.config_file import to_config
from tuner.record.event_tail import EventTail
from tuner.record.events import RunChanged
from tuner.record.liveness import is_alive
from tuner.record.paths import RunPaths
from tuner.running.driver_log import log_to_file
from tuner.running.follow_plan import INTERRUPTED_S, FollowPlan
from tuner.running.notifier import build_notifier
from tuner.running.observer import Follower
from tuner.running.trial_logs import build_trial_logs

logger = logging.getLogger(__name__ if __name__ != "__main__" else "tuner.running.follower")

_NICENESS = 19
"""Ray's workers have 15: whatever has less is ahead of the trials where they fill the cores."""
_INTERVAL_S = 0.5
_MARGIN_S = 1.0


def main(arguments: Sequence[str]) -> None:
    """Follow a search until it ends."""
    os.nice(_NICENESS)
    screen = os.fdopen(int(arguments[0]), "w", buffering=1, encoding="utf-8")
    plan = to_config(FollowPlan, json.loads(sys.stdin.readline()), "the plan")

    def say(line: str) -> None:
        logger.info(line)
        with suppress(OSError, ValueError):  # the driver is gone
            screen.write(line + "\n")

    with log_to_file(RunPaths(Path(plan.folder)).log_file):
        try:
            _follow_to_the_end(plan, say)
        except Exception as error:
            logger.exception("the follower failed")
            say(f"nobody is told of the search any more ({type(error).__name__}); it goes on")
    os._exit(0)  # though a thread may hang in the network


def _follow_to_the_end(plan: FollowPlan, say: Callable[[str], None]) -> None:
    followers = Followers([build_notifier(plan, say), build_trial_logs(plan, say)], say)
    status = follow(plan, followers, lambda: _is_left(plan))
    patience_s = INTERRUPTED_S if status == "interrupted" else plan.end_s
    watchdog = threading.Timer(patience_s + 2 * _MARGIN_S, os._exit, [1])
    watchdog.daemon = True
    watchdog.start()
    until = time.monotonic() + patience_s
    followers.tell(lambda one: one.close(max(_MARGIN_S, until - time.monotonic())))


def follow(plan: FollowPlan, followers: "Followers", is_left: Callable[[], bool]) -> str:
    """Tell the followers what the log says until the run ends, and return how it ended.

    Args:
        plan: what is followed.
        followers: who is told.
        is_left: waits a moment, and says whether the driver is gone.
    """
    tail = EventTail(RunPaths(Path(plan.folder)).events_file)
    num_told = 0
    while True:
        left = is_left()  # before the last look
        for event in tail.read():
            if num_told == plan.num_known:
                followers.tell(lambda one: one.caught_up())
            num_told += 1
            followers.tell(lambda one, event=event: one.take(event))
            is_new = num_told > plan.num_known
            if is_new and isinstance(event, RunChanged) and event.status != "running":
                return event.status
        followers.tell(lambda one: one.tick())
        if left:
            followers.tell(lambda one: one.died())
            return "died"


class Followers:
    """Several followers, none of which can hurt the others.

    Args:
        followers: told in this order; one that fails is told nothing more.
        say: takes a line for people.
    """

    def __init__(self, followers: Sequence[Follower], say: Callable[[str], None]) -> None:
        self._followers = list(followers)
        self._say = say

    def tell(self, what: Callable[[Follower], None]) -> None:
        """Tell them something."""
        for one in list(self._followers):
            try:
                what(one)
            except Exception as error:
                self._followers.remove(one)
                logger.exception("a follower failed")
                self._say(f"{one.name} ends ({type(error).__name__}); the search goes on")


def _is_left(plan: FollowPlan) -> bool:
    """Wait for the end of the standard input, which the driver holds open as long as it lives."""
    readable, _, _ = select.select([0], [], [], _INTERVAL_S)
    return bool(readable) or is_alive(plan.driver) is False


if __name__ == "__main__":
    main(sys.argv[1:])
