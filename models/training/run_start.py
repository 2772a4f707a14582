"""What a training run starts from: the flags that decide what all others are by default.

Both training commands read their flags twice: first these, then all of them over the defaults that
a preset, or the folder of a run that goes on, gives.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from models.config_file import to_config
from models.errors import UserError
from models.training.sinks import LogSettings


@dataclass(frozen=True, kw_only=True)
class Start:
    """The flags that say what a run starts from, and those that are told apart from a default."""

    config: str | None = None
    resume: Path | None = None
    artifacts_dir: Path | None = None
    run_name: str | None = None
    wandb_project: str | None = None
    wandb_run: str | None = None

    @property
    def names_wandb(self) -> bool:
        """Whether a project or run of W&B is given, so that the run is to be logged there."""
        return self.wandb_project is not None or self.wandb_run is not None


def read_start(arguments: Sequence[str]) -> Start:
    """Read the flags that decide the defaults of the others.

    Raises:
        UserError: a run that goes on is given a preset, or a place for a new run.
    """
    start, _ = tyro.cli(
        Annotated[Start, tyro.conf.OmitArgPrefixes],
        args=[a for a in arguments if a not in ("-h", "--help")],
        use_underscores=True,
        return_unknown_args=True,
        add_help=False,
    )
    if start.resume is not None:
        _check_resume(start)
    return start


def log_to_go_on_with(
    start: Start, stored: Mapping[str, object] | None, default: LogSettings, source: str
) -> LogSettings:
    """Return where a run that goes on logs to: where it did, unless W&B is asked for anew.

    Args:
        start: the flags of the run.
        stored: what its folder says, or None where it says nothing.
        default: of a new run.
        source: where the settings are stored, for messages.
    """
    log = default if stored is None else to_config(LogSettings, stored, source)
    return dataclasses.replace(log, no_wandb=log.no_wandb and not start.names_wandb)


def _check_resume(start: Start) -> None:
    """Refuse what a run that goes on has already."""
    if start.config is not None:
        raise UserError("--resume takes the checkpoint's settings: leave out --config")
    places = {"--run_name": start.run_name, "--artifacts_dir": start.artifacts_dir}
    for flag, value in places.items():
        if value is not None:
            raise UserError(
                f"{flag} {value}: --resume goes on in the folder of the checkpoint: leave it out"
            )
