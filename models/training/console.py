"""What a training run shows: a bar while an epoch runs, one line when it ends."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from models.training.loop import EpochReport


class Console(Protocol):
    """Receives the progress of training."""

    def on_batch(self, done: int, total: int) -> None:
        """Take in that `done` of `total` batches of the epoch are trained."""
        ...

    def line(self, text: str) -> None:
        """Show one line above the bar."""
        ...


class PlainConsole:
    """Lines only, for files and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def on_batch(self, done: int, total: int) -> None:
        """Show nothing: a file needs no bar."""

    def line(self, text: str) -> None:
        """Write the line at once, for those who follow the file."""
        self._stream.write(text + "\n")
        self._stream.flush()


def epoch_line(
    report: EpochReport, num_epochs: int, parts: Iterable[str], rows: str, *, best: bool
) -> str:
    """Return the line of an epoch; a star marks the best one so far.

    Args:
        report: of the epoch.
        num_epochs: how many there will be.
        parts: what the model shows of its metrics.
        rows: what its data consist of, for people.
        best: whether no epoch before was better.
    """
    speed = f"{report.metrics['train/rows_per_s']:,.0f} {rows}/s"
    number = f"epoch {report.epoch:>{len(str(num_epochs))}}/{num_epochs}"
    line = " | ".join([number, *parts, f"{speed} {report.metrics['seconds']:.1f} s"])
    return f"{line} *" if best else line


@contextmanager
def open_console(stream: TextIO | None = None) -> Iterator[Console]:
    """Yield a console on `stream` (stdout unless given): with a bar when it is a terminal."""
    target = sys.stdout if stream is None else stream
    if not target.isatty():
        yield PlainConsole(target)
        return
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    bar = Progress(
        TextColumn("  training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("batches"),
        console=RichConsole(file=target),
        transient=True,
    )
    with bar:
        task = bar.add_task("training", total=None)

        class _BarConsole:
            def on_batch(self, done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            def line(self, text: str) -> None:
                bar.console.print(text, highlight=False, markup=False, soft_wrap=True)

        yield _BarConsole()
