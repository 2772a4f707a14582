"""Train an AST autoencoder.

    python -m models.ast_autoencoder.train --data_dir data/programs-1000
    python -m models.ast_autoencoder.train --data_dir data/programs-5000 --config large
    python -m models.ast_autoencoder.train --resume training_artifacts/RUN

Make a data set with python -m models.ast_autoencoder.build_program_dataset. Every key of a preset
is a flag, and a flag beats the preset.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.data import DataConfig
from models.ast_autoencoder.spec import AST_AUTOENCODER
from models.commands.train import StartFlags, TrainCommand
from models.config_file import to_config, to_mapping
from models.errors import UserError
from models.field_types import Positive
from models.training.devices import DeviceName, device_named
from models.training.folders import artifact_folder_of, new_artifact_folder, read_config
from models.training.sinks import LogSettings

if TYPE_CHECKING:
    from models.training.run import ModelRun


@dataclass(frozen=True, kw_only=True)
class RunFlags:
    """How a run is carried out; its results do not depend on it."""

    eval_interval: Positive = 1
    """Evaluate in every so many epochs, and in the last."""
    log_interval: Positive = 10
    """Log running means of loss and similarity in every so many steps."""
    device: DeviceName = "auto"
    """auto: cuda or mps where torch sees one, else cpu."""


@dataclass(frozen=True, kw_only=True)
class TrainFlags(StartFlags):
    """Where the programs are, how the run is carried out, and every key of a preset."""

    data_dir: Path | None = None
    """Folder of a data set of programs."""
    num_programs: int | None = None
    """With --data_dir: train on a random part of so many programs. Without: generate them."""
    data_seed: int = 42
    """Seeds the random part, or the generated programs."""
    log: tyro.conf.OmitArgPrefixes[LogSettings] = field(
        default_factory=lambda: LogSettings(wandb_project="AST-Autoencoder")
    )
    run: tyro.conf.OmitArgPrefixes[RunFlags] = RunFlags()
    model: tyro.conf.OmitArgPrefixes[AstAutoencoderConfig] = field(
        default_factory=AstAutoencoderConfig
    )


def _resumed(settings: Mapping[str, Any], where: str) -> dict[str, Any]:
    data = to_config(DataConfig, settings["data"], where)
    return {
        "data_dir": None if data.data_dir is None else Path(data.data_dir),
        "num_programs": data.num_programs,
        "data_seed": data.seed,
        "config": settings.get("preset"),
        "run": to_config(RunFlags, settings["run"], where),
    }


def _data(flags: TrainFlags) -> DataConfig:
    if flags.data_dir is None and flags.num_programs is None:
        raise UserError(
            "no data: pass --data_dir FOLDER; make one with "
            "python -m models.ast_autoencoder.build_program_dataset --out FOLDER --n 1000"
        )
    return DataConfig(
        data_dir=None if flags.data_dir is None else str(flags.data_dir.resolve()),
        num_programs=flags.num_programs,
        seed=flags.data_seed,
    )


def _kept(flags: TrainFlags, device: str) -> dict[str, Any]:
    import torch

    versions = {"python": platform.python_version(), "torch": str(torch.__version__)}
    return {
        "run": to_mapping(flags.run),
        "preset": flags.config,
        "device": device,
        "versions": versions,
    }


def _model_run(flags: TrainFlags) -> "ModelRun":
    from models.ast_autoencoder.training_run import ast_autoencoder_run

    run = flags.run
    return ast_autoencoder_run(eval_interval=run.eval_interval, log_interval=run.log_interval)


TRAIN = TrainCommand(
    spec=AST_AUTOENCODER,
    flags_type=TrainFlags,
    about=__doc__,
    blocks=("run",),
    resumed=_resumed,
    data=_data,
    device=lambda flags: device_named(flags.run.device),
    kept=_kept,
    model_run=_model_run,
    new_folder=lambda flags: new_artifact_folder(flags.artifacts_dir),
    folder_of=artifact_folder_of,
    read_folder=read_config,
)
main = TRAIN.main


if __name__ == "__main__":
    main()
