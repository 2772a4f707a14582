"""What a training run shows: a bar while an epoch runs, one line when it ends."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from models.training import EpochReport


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


def epoch_line(report: EpochReport, num_epochs: int, *, best: bool) -> str:
    """Return the line of an epoch; a star marks the best `val/seq_acc` so far."""
    m = report.metrics
    width = len(str(num_epochs))
    parts = [
        f"epoch {report.epoch:>{width}}/{num_epochs}",
        f"train loss {m['train/loss']:.3f} recon {m['train/recon']:.3f} kl {m['train/kl']:.2f} "
        f"seq_acc {m['train/seq_acc']:.4f} beta {m['train/beta']:.3g}",
        f"val seq_acc {m['val/seq_acc']:.4f} token_acc {m['val/token_acc']:.4f} "
        f"elbo {m['val/elbo']:.2f} kl/dim {m['val/kl_per_dim']:.3f}",
        f"{m['train/rows_per_s']:,.0f} rows/s {m['seconds']:.1f} s",
    ]
    return " | ".join(parts) + (" *" if best else "")
