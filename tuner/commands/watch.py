"""A run that is looked at again and again, until it ends or the user has seen enough."""

import io
import sys
import time
from collections.abc import Callable, Iterable
from typing import TypeAlias

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tuner.commands.console import orderly_sigterm, output, print_parts
from tuner.record.event_tail import EventTail
from tuner.record.liveness import is_alive
from tuner.record.paths import RunPaths, find_run, is_run, runs_folder
from tuner.record.results import Run, read_run
from tuner.record.run_lock import last_holder
from tuner.record.unbegun import is_unbegun

Parts: TypeAlias = Callable[[Run], Iterable[str | Table]]

_GOING_ON = ("created", "running")
_LEAST_PAUSE = 5
"""Times that drawing took: so long nothing is drawn, for a log that is long to fold."""
_UNBEGUN_S = 0.5


def await_run(name: str) -> RunPaths:
    """Return a run; of one that is about to begin, once it has begun.

    Raises:
        UserError: no such run.
    """
    paths = RunPaths(runs_folder() / name)
    told = False
    while is_unbegun(paths) and is_alive(last_holder(paths)):
        if not told:
            sys.stderr.write(f"{name} has not begun yet: it starts Ray and loads its data\n")
            told = True
        time.sleep(_UNBEGUN_S)
    return paths if is_run(paths) else find_run(name)


def watch_run(paths: RunPaths, parts: Parts, interval_s: float) -> None:
    """Show a run until it ends: drawn in place on a terminal, elsewhere again when it changed.

    Args:
        paths: of the run.
        parts: what is shown of it.
        interval_s: seconds from one look to the next.

    Raises:
        UserError: its files cannot be read.
    """
    console = output()
    with orderly_sigterm():
        try:
            if console.is_terminal:
                _redraw(console, paths, parts, interval_s)
            else:
                _print_changes(console, paths, parts, interval_s)
        except KeyboardInterrupt:
            sys.stderr.write("\nno longer watching; the run goes on\n")


def _redraw(console: Console, paths: RunPaths, parts: Parts, interval_s: float) -> None:
    with Live(console=console, auto_refresh=False) as live:
        for run in _looks(paths, interval_s):
            shown = [Text(part) if isinstance(part, str) else part for part in parts(run)]
            live.update(Group(*shown), refresh=True)


def _print_changes(console: Console, paths: RunPaths, parts: Parts, interval_s: float) -> None:
    before = ""
    for run in _looks(paths, interval_s):
        text = io.StringIO()
        print_parts(
            Console(file=text, width=console.width, highlight=False, markup=False), parts(run)
        )
        if text.getvalue() != before:
            sys.stdout.write(("\n" if before else "") + text.getvalue())
            sys.stdout.flush()
        before = text.getvalue()


def _looks(paths: RunPaths, interval_s: float) -> Iterable[Run]:
    """Yield the run as it is, whenever it may have changed; the last time when it has ended."""
    tail = EventTail(paths.events_file)
    run = None
    while run is None or run.status in _GOING_ON:
        began = time.monotonic()
        if tail.read() or run is None or not is_alive(last_holder(paths)):
            run = read_run(paths, tail.events)
            yield run
        if run.status in _GOING_ON:
            time.sleep(max(interval_s, _LEAST_PAUSE * (time.monotonic() - began)))
