"""How far an epoch is, in rows, told to a console."""

from models.training.console import Console


class EpochProgress:
    """Takes in batches, tells of rows, and says when validation begins.

    On a GPU a batch counts when it is handed over: nothing here waits for the device.

    Args:
        console: shows it.
        num_epochs: of the whole training.
        num_rows: that an epoch trains on.
        num_val_rows: that are validated after it.
        batch_size: rows a batch.
        unit: what a row is to people.
    """

    def __init__(
        self,
        console: Console,
        *,
        num_epochs: int,
        num_rows: int,
        num_val_rows: int,
        batch_size: int,
        unit: str = "rows",
    ) -> None:
        self._console = console
        self._num_epochs = num_epochs
        self._num_rows = num_rows
        self._num_val_rows = num_val_rows
        self._batch_size = batch_size
        self._unit = unit
        self._name = ""

    def begin(self, epoch: int) -> None:
        """Say that an epoch, counted from 1, begins."""
        self._name = f"epoch {epoch}/{self._num_epochs}"
        self._console.working(self._name, self._unit)

    def __call__(self, done: int, total: int) -> None:
        """Take in that `done` of `total` batches of the epoch are handed to the device."""
        if done < total:
            self._console.on_rows(min(done * self._batch_size, self._num_rows), self._num_rows)
            return
        self._console.working(
            f"{self._name}, validation of {self._num_val_rows:,} {self._unit}", self._unit
        )
