"""What a training run leaves besides checkpoints: its settings and its metrics.

record = RunRecord(folder, log, run_settings, write_settings, console.line, resumed)
record.log(epoch, metrics)
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from models.training.layout import RunFolder, forget_later_epochs
from models.training.loop import TrainingDiverged
from models.training.resuming import Resumed
from models.training.sinks import LogSettings, Sinks, open_sinks


class RunRecord:
    """Writes settings and metrics of a run.

    A run that goes on leaves its folder as it was until an epoch is complete: only then is it
    known to train. The running means of that epoch are kept back until then.

    Args:
        folder: of the run.
        log: where metrics go besides the folder.
        run_settings: what W&B shows as the run's configuration.
        write_settings: writes the run's settings file.
        say: receives a line where there is something to tell.
        resumed: the checkpoint that the run goes on from, or None for a new run.
    """

    def __init__(
        self,
        *,
        folder: RunFolder,
        log: LogSettings,
        run_settings: Mapping[str, Any],
        write_settings: Callable[[], None],
        say: Callable[[str], None],
        resumed: Resumed | None,
    ) -> None:
        self._folder = folder
        self._write_settings = write_settings
        self._resumed = resumed
        self._waiting: list[tuple[int, Mapping[str, float]]] = []
        first_epoch = 1 if resumed is None else resumed.epoch + 1
        self._open = lambda: open_sinks(log, folder, run_settings, say, first_epoch)
        self._sinks: Sinks | None = self._open() if resumed is None else None

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Take in the metrics of an epoch, after `begin`."""
        assert self._sinks is not None
        self._sinks.log(epoch, metrics)

    def log_step(self, step: int, metrics: Mapping[str, float]) -> None:
        """Take in running means at an optimizer step, counted from 1 over all epochs."""
        if self._sinks is None:
            self._waiting.append((step, metrics))
        else:
            self._write_step(step, metrics)

    def begin(self) -> None:
        """Take over the folder where that is still to be done: an epoch is complete."""
        if self._sinks is not None:
            return
        assert self._resumed is not None
        forget_later_epochs(self._folder, self._resumed.epoch)
        self._folder.forget_steps_after(self._resumed.num_updates)
        self._write_settings()
        self._sinks = self._open()
        for step, metrics in self._waiting:
            self._write_step(step, metrics)
        self._waiting.clear()

    def close(self, *, failed: bool) -> None:
        """Write out what is pending; `failed` says that the run did not end as it should."""
        if self._sinks is not None:
            self._sinks.close(failed=failed)

    def _write_step(self, step: int, metrics: Mapping[str, float]) -> None:
        assert self._sinks is not None
        self._folder.append_steps({"step": step, **metrics})
        self._sinks.log_step(step, metrics)


@contextmanager
def telling_how_to_go_on(say: Callable[[str], None], how: Callable[[], str]) -> Iterator[None]:
    """Let a run that is interrupted or diverges end with how to go on.

    Args:
        say: receives the line before a divergence is told.
        how: returns it.
    """
    try:
        yield
    except TrainingDiverged:
        say(how())
        raise
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(how()) from interrupt
