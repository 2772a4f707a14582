"""Train an AST autoencoder.

    python -m models.ast_autoencoder.train --data_dir data/programs-1000
    python -m models.ast_autoencoder.train --data_dir data/programs-5000 --config large
    python -m models.ast_autoencoder.train --resume training_artifacts/RUN

Make a data set with python -m models.ast_autoencoder.build_program_dataset. Every key of a preset
is a flag, and a flag beats the preset.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from pydantic import Field

from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.data import DataConfig
from models.ast_autoencoder.spec import AST_AUTOENCODER
from models.commands.train import StartFlags, TrainCommand
from models.config_file import to_config, to_mapping
from models.errors import UserError
from models.training.folders import artifact_folder_of, new_artifact_folder, read_config
from models.training.run_start import Start, log_to_go_on_with
from models.training.sinks import LogSettings

if TYPE_CHECKING:
    from models.training.run import ModelRun

Positive = Annotated[int, Field(gt=0)]
WANDB_PROJECT = "AST-Autoencoder"


@dataclass(frozen=True, kw_only=True)
class RunFlags:
    """How a run is carried out; its results do not depend on it."""

    eval_interval: Positive = 1
    """Evaluate in every so many epochs, and in the last."""
    log_interval: Positive = 10
    """Log running means of loss and similarity in every so many steps."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """auto: cuda or mps where torch sees one, else cpu."""


@dataclass(frozen=True, kw_only=True)
class TrainFlags(StartFlags):
    """All flags of the command."""

    data_dir: Path | None = None
    """Folder of a data set of programs."""
    num_programs: int | None = None
    """With --data_dir: train on a random part of so many programs. Without: generate them."""
    data_seed: int = 42
    """Seeds the random part, or the generated programs."""
    wandb_project: str = WANDB_PROJECT
    """Weights & Biases project to log to; offline where there is no login or network."""
    wandb_run: str | None = None
    """Name of the W&B run; default: the name of the run's folder."""
    no_wandb: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Do not log to W&B."""
    tensorboard: bool = False
    """Write TensorBoard events into the run's folder."""
    run: tyro.conf.OmitArgPrefixes[RunFlags] = RunFlags()
    model: tyro.conf.OmitArgPrefixes[AstAutoencoderConfig] = field(
        default_factory=AstAutoencoderConfig
    )


def _resumed(start: Start, settings: Mapping[str, Any], where: str) -> TrainFlags:
    data = to_config(DataConfig, settings["data"], where)
    new_run = LogSettings(wandb_project=WANDB_PROJECT)
    return TrainFlags(
        data_dir=None if data.data_dir is None else Path(data.data_dir),
        num_programs=data.num_programs,
        data_seed=data.seed,
        config=settings.get("preset"),
        **to_mapping(log_to_go_on_with(start, settings.get("log"), new_run, where)),
        model=to_config(AstAutoencoderConfig, settings["model"], where),
        run=to_config(RunFlags, settings["run"], where),
    )


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


def _device(flags: TrainFlags) -> str:
    from models.training.devices import device_named

    return device_named(flags.run.device)


def _log(flags: TrainFlags) -> LogSettings:
    return LogSettings(**{key.name: getattr(flags, key.name) for key in fields(LogSettings)})


def _settings(flags: TrainFlags, data: DataConfig, device: str) -> dict[str, Any]:
    import torch

    versions = {"python": platform.python_version(), "torch": str(torch.__version__)}
    return {
        "data": to_mapping(data),
        "model": to_mapping(flags.model),
        "run": to_mapping(flags.run),
        "log": to_mapping(_log(flags)),
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
    blocks=("model", "run"),
    resumed=_resumed,
    data=_data,
    device=_device,
    log=_log,
    settings=_settings,
    model_run=_model_run,
    new_folder=lambda flags: new_artifact_folder(flags.artifacts_dir),
    folder_of=artifact_folder_of,
    read_folder=read_config,
)
main = TRAIN.main


if __name__ == "__main__":
    main()
