"""What a training run shows: how far it is while it works, and one line when an epoch ends.

    with open_console() as console:
        console.working("epoch 1/10")
        console.on_rows(256, 33600)
        console.line("epoch 1/10 | ...")

A terminal gets a bar. A file or a pipe gets a plain line whenever nothing was written for half a
minute, so that its reader can tell slow work from a hang. A thread of its own shows both: training
leaves two numbers behind and waits for nothing, a GPU least of all.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

QUIET_S = 30.0
"""A file hears of long work after so many seconds without a line."""
_LOOK_S = 1.0
_BAR_WIDTH = 20


class Console(Protocol):
    """Receives the progress of training."""

    def working(self, what: str, unit: str = "rows") -> None:
        """Take in what goes on from now until the next call, and what it is counted in."""
        ...

    def on_rows(self, done: int, total: int) -> None:
        """Take in that `done` of `total` rows of that work are through."""
        ...

    def line(self, text: str) -> None:
        """Show one line above the bar."""
        ...


class PlainConsole:
    """Lines only, for files and pipes.

    Args:
        stream: where they go.
        clock: seconds that only grow.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._lock = threading.Lock()
        self._what, self._unit = "", "rows"
        self._since = self._last_line = clock()
        self._rows = (0, 0)

    def working(self, what: str, unit: str = "rows") -> None:
        """Remember what goes on; a line is written only where it takes long."""
        with self._lock:
            self._what, self._unit = what, unit
            self._since, self._rows = self._clock(), (0, 0)

    def on_rows(self, done: int, total: int) -> None:
        """Remember how far the work is."""
        self._rows = (done, total)

    def line(self, text: str) -> None:
        """Write the line at once, for those who follow the file."""
        with self._lock:
            self._write(text)

    def look(self) -> None:
        """Write how far the work is, if nothing was written for long."""
        with self._lock:
            now = self._clock()
            if self._what and now - self._last_line >= QUIET_S:
                seconds = now - self._since
                self._write(f"  {self._what}: {pace(*self._rows, seconds, self._unit)}")

    def look_until(self, stop: threading.Event) -> None:
        """Look every second until told to stop."""
        while not stop.wait(_LOOK_S):
            self.look()

    def _write(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()
        self._last_line = self._clock()


@contextmanager
def open_console(stream: TextIO | None = None) -> Iterator[Console]:
    """Yield a console on `stream` (stdout unless given): with a bar when it is a terminal."""
    target = sys.stdout if stream is None else stream
    if target.isatty():
        with _bar_console(target) as console:
            yield console
        return
    console, stop = PlainConsole(target), threading.Event()
    looking = threading.Thread(target=console.look_until, args=(stop,), daemon=True)
    looking.start()
    try:
        yield console
    finally:
        stop.set()
        looking.join()


def pace(done: int, total: int, seconds: float, unit: str) -> str:
    """Say how far work is after so many seconds, how fast it goes and how long it will take."""
    if not done or not seconds:
        return f"{duration(seconds)} so far"
    left = duration((total - done) * seconds / done)
    return f"{done:,}/{total:,} {unit}, {done / seconds:,.0f} {unit}/s, {left} left"


def duration(seconds: float) -> str:
    """Return a length of time as people say it: `42 s`, `3 min 05 s`, `2 h 07 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


@contextmanager
def _bar_console(target: TextIO) -> Iterator[Console]:
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.text import Text

    class _PaceColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            total = int(task.total or 0)
            seconds = task.elapsed or 0.0
            return Text(pace(int(task.completed), total, seconds, task.fields["unit"]))

    bar = Progress(
        TextColumn("  {task.description}"),
        BarColumn(_BAR_WIDTH),
        _PaceColumn(),
        console=RichConsole(file=target),
        transient=True,
    )
    with bar:
        task = bar.add_task("starting", total=None, unit="rows")

        class _BarConsole:
            def working(self, what: str, unit: str = "rows") -> None:
                bar.reset(task, description=what, total=None, unit=unit)

            def on_rows(self, done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            def line(self, text: str) -> None:
                bar.console.print(text, highlight=False, markup=False, soft_wrap=True)

        yield _BarConsole()
