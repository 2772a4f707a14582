"""How far an epoch is, in rows, told to a console, and the line when it ends."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from models.training.console import Console
from models.training.loop import EpochReport


@dataclass
class EpochProgress:
    """Takes in batches, tells of rows, and says when validation begins.

    On a GPU a batch counts when it is handed over: nothing here waits for the device.

    Attributes:
        console: shows it.
        num_epochs: of the whole training.
        num_rows: that an epoch trains on.
        num_val_rows: that are validated after it.
        batch_size: rows a batch.
        unit: what a row is to people.
    """

    console: Console
    num_epochs: int
    num_rows: int
    num_val_rows: int
    batch_size: int
    unit: str = "rows"
    _name: str = field(default="", init=False)

    def begin(self, epoch: int) -> None:
        """Say that an epoch, counted from 1, begins."""
        self._name = f"epoch {epoch}/{self.num_epochs}"
        self.console.working(self._name, self.unit)

    def __call__(self, done: int, total: int) -> None:
        """Take in that `done` of `total` batches of the epoch are handed to the device."""
        if done < total:
            self.console.on_rows(min(done * self.batch_size, self.num_rows), self.num_rows)
            return
        self.console.working(
            f"{self._name}, validation of {self.num_val_rows:,} {self.unit}", self.unit
        )


def epoch_line(
    report: EpochReport, num_epochs: int, parts: Iterable[str], unit: str, *, best: bool
) -> str:
    """Return the line of an epoch; a star marks the best one so far.

    Args:
        report: of the epoch.
        num_epochs: how many there will be.
        parts: what the model shows of its metrics.
        unit: what a row is to people.
        best: whether no epoch before was better.
    """
    speed = f"{report.metrics['train/rows_per_s']:,.0f} {unit}/s"
    number = f"epoch {report.epoch:>{len(str(num_epochs))}}/{num_epochs}"
    line = " | ".join([number, *parts, f"{speed} {report.metrics['seconds']:.1f} s"])
    return f"{line} *" if best else line
