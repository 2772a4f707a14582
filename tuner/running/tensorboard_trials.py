"""Trials as TensorBoard shows them: a folder each, with curves and hyperparameters."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # pyright: ignore
from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from tuner.record.trial_rows import EpochPoint, TrialRow


class TensorBoardTrials:
    """Opens the folder of each trial.

    Args:
        folder: of all of them.
    """

    name = "TensorBoard"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, row: TrialRow, first_epoch: int) -> "TensorBoardTrial":
        """Open the folder of a trial that is logged from this epoch on."""
        return TensorBoardTrial(self._folder / f"trial-{row.number:04d}", row, first_epoch)

    def close(self) -> None:
        """Nothing is pending."""


class TensorBoardTrial:
    """Writes the events of one trial.

    Args:
        folder: of the trial.
        row: the trial.
        first_epoch: what a follower before wrote from there on is void.
    """

    def __init__(self, folder: Path, row: TrialRow, first_epoch: int) -> None:
        self._writer = EventFileWriter(str(folder))
        if first_epoch > 1:
            start = SessionLog(status=SessionLog.START)
            self._writer.add_event(Event(step=first_epoch, session_log=start))
            return
        settings = {key: _plain(value) for key, value in row.params.items()}
        summary = hparams_pb(settings, trial_id=str(row.number), start_time_secs=row.created)
        self._writer.add_event(Event(wall_time=row.created, summary=summary))

    def log(self, point: EpochPoint) -> None:
        """Write the metrics of an epoch, at the time when it ended."""
        values = [Summary.Value(tag=k, simple_value=v) for k, v in point.metrics.items()]
        summary = Summary(value=values)
        self._writer.add_event(Event(step=point.epoch, wall_time=point.time, summary=summary))

    def flush(self) -> None:
        """Let those see it who watch."""
        self._writer.flush()

    def end(self, row: TrialRow, summary: Mapping[str, Any]) -> None:
        """Close the file."""
        self._writer.close()


def _plain(value: object) -> bool | float | str:
    return value if isinstance(value, bool | int | float | str) else json.dumps(value)
