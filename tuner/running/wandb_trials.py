"""Trials as W&B shows them: a run each, grouped by the search, offline without a login.

The run of a trial has the same id however often it is opened: a search that is resumed goes on in
it, and `wandb sync` puts the parts of one that was offline together.
"""

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import wandb

from models.errors import UserError
from models.training.wandb_sink import run_id, start_run, unusable, wandb_mode
from tuner.record.trial_rows import EpochPoint, TrialRow

_LEAN = {
    "disable_code": True,
    "disable_git": True,  # the run's environment.json has the commit
    "x_disable_machine_info": True,
    "x_disable_stats": True,  # trials share the machine, and this process is none of them
    "x_save_requirements": False,
}
"""What would be the same in the run of every trial."""


class WandbTrials:
    """Opens a W&B run for each trial.

    Args:
        project: where they go.
        folder: where W&B's files go.
        run: the name of the search's run.
        model: what is trained.
        settings: every key of the preset.
        say: takes a line for people; told once where the runs are.

    Raises:
        UserError: W&B is turned off.
    """

    name = "W&B"

    def __init__(
        self,
        project: str,
        folder: Path,
        *,
        run: str,
        model: str,
        settings: Mapping[str, Any],
        say: Callable[[str], None],
    ) -> None:
        os.environ.setdefault("WANDB_CACHE_DIR", str(folder / "wandb" / "cache"))
        folder.mkdir(parents=True, exist_ok=True)
        self._project, self._run, self._model = project, run, model
        self._folder = folder
        self._settings = settings
        self._say = say
        self._uploads: list[threading.Thread] = []
        self._mode, self._reason = wandb_mode()
        if self._mode == "disabled":
            raise UserError("W&B is off, by WANDB_MODE=disabled: unset it")
        self._has_begun = False

    def open(self, row: TrialRow, first_epoch: int) -> "WandbTrial":
        """Open the run of a trial that is logged from this epoch on."""
        keys = {
            "project": self._project,
            "group": self._run,
            "name": f"{self._run}-{row.number}",
            "id": f"{run_id(self._folder)}-{row.number}",
            "job_type": "trial",
            "tags": [self._model, f"trial {row.number}"],
            "config": {**self._settings, **row.params, "search": self._run, "trial": row.number},
            "dir": str(self._folder),
            "reinit": "create_new",
        }
        if self._mode == "online":
            try:
                run = start_run("online", _LEAN, **keys, resume="allow")
            except wandb.Error as error:
                if self._has_begun:
                    raise  # what is missing can be exported when the server is back
                self._mode, self._reason = "offline", unusable(error)
                wandb.teardown()  # it still holds the id
            else:
                self._tell(f"W&B: {run.project_url}, the group {self._run}")
                return WandbTrial(run, self._uploads.append)
        run = start_run("offline", _LEAN, **keys)
        parts = Path(run.dir).parents[1] / "offline-run-*"
        self._tell(f"W&B: logging offline ({self._reason}); upload with: wandb sync {parts}")
        return WandbTrial(run, self._uploads.append)

    def close(self) -> None:
        """Wait for the uploads, for as long as W&B does."""
        for upload in self._uploads:
            upload.join()
        wandb.teardown()

    def _tell(self, line: str) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._say(line)


class WandbTrial:
    """Logs one trial, with the epoch as W&B's step, so that none stands there twice.

    Args:
        run: of W&B.
        finishing: takes the thread in which it uploads what is left.
    """

    def __init__(self, run: "wandb.Run", finishing: Callable[[threading.Thread], None]) -> None:
        self._run = run
        self._finishing = finishing
        run.define_metric("*", step_metric="epoch")

    def log(self, point: EpochPoint) -> None:
        """Hand the metrics to W&B; what its server has of a trial that is resumed is left out."""
        if point.epoch >= self._run.starting_step:
            self._run.log({"epoch": point.epoch, **point.metrics}, step=point.epoch)

    def flush(self) -> None:
        """W&B uploads in the background."""

    def end(self, row: TrialRow, summary: Mapping[str, Any]) -> None:
        """Note how the trial ended, and let W&B finish in a thread: a server may be slow."""
        self._run.summary.update(dict(summary))
        code = 1 if row.state == "failed" else 0
        upload = threading.Thread(target=self._run.finish, args=(code,), daemon=True)
        upload.start()
        self._finishing(upload)
