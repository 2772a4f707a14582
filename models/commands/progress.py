"""Progress of long work on stderr: bars on a terminal, a line every tenth elsewhere.

    with show_progress() as progress:
        progress("tokenise", 1200, 48000)

Work takes such a callable and knows nothing of terminals; `silent` serves those who want none.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

ProgressCallback = Callable[[str, int, int], None]
"""Called with a description, how much is done, and the total."""


def silent(description: str, done: int, total: int) -> None:
    """Ignore a progress report."""


@contextmanager
def show_progress(stream: TextIO | None = None) -> Iterator[ProgressCallback]:
    """Yield a callable that shows progress on `stream`, which is stderr unless given."""
    target = sys.stderr if stream is None else stream
    if not target.isatty():
        yield _Lines(target)
        return
    with _bars(target) as callback:
        yield callback


class _Lines:
    """Writes one plain line when a piece of work passes another tenth."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tenths: dict[str, int] = {}

    def __call__(self, description: str, done: int, total: int) -> None:
        tenth = 10 * done // total if total else 10
        if tenth > self._tenths.get(description, 0):
            self._tenths[description] = tenth
            self._stream.write(f"{description}: {done:,}/{total:,}\n")
            self._stream.flush()


@contextmanager
def _bars(stream: TextIO) -> Iterator[ProgressCallback]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(file=stream),
    )
    tasks = {}

    def report(description: str, done: int, total: int) -> None:
        if description not in tasks:
            tasks[description] = bars.add_task(description, total=total)
        bars.start()
        bars.update(tasks[description], completed=done, total=total)
        if bars.finished:  # leave the terminal to others until there is more work
            bars.stop()
            while tasks:
                bars.remove_task(tasks.popitem()[1])

    try:
        yield report
    finally:
        bars.stop()
