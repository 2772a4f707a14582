"""Train an AST autoencoder.

    python -m models.ast_autoencoder.train --data_dir data/programs-1000
    python -m models.ast_autoencoder.train --data_dir data/programs-5000 --config large
    python -m models.ast_autoencoder.train --resume training_artifacts/RUN

Make a data set with python -m models.ast_autoencoder.build_program_dataset. Every key of a preset
is a flag, and a flag beats the preset.
"""

import dataclasses
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from pydantic import Field

from models.ast_autoencoder.artifacts import (
    ArtifactFolder,
    artifact_folder_of,
    new_artifact_folder,
    read_config,
)
from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.data import DataConfig, load_dataset
from models.ast_autoencoder.effects import APPLIES
from models.ast_autoencoder.spec import AST_AUTOENCODER
from models.commands.flags import read_flags
from models.commands.process import run_command
from models.commands.progress import show_progress
from models.config_file import to_config, to_mapping
from models.effects import idle_notes, refuse_idle_flags
from models.errors import UserError
from models.presets import find_preset
from models.training.run_start import Start, log_to_go_on_with, read_start
from models.training.sinks import LogSettings

_COMMAND = "python -m models.ast_autoencoder.train"

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
class TrainFlags:
    """All flags of the command."""

    data_dir: Path | None = None
    """Folder of a data set of programs."""
    num_programs: int | None = None
    """With --data_dir: train on a random part of so many programs. Without: generate them."""
    data_seed: int = 42
    """Seeds the random part, or the generated programs."""
    config: str | None = None
    """Preset to start from: built in, or found in ./presets; default: the values below."""
    resume: Path | None = None
    """Checkpoint to go on from, or a run's folder for its latest, with its settings and data."""
    artifacts_dir: Path = Path("training_artifacts")
    """Where the folders of runs are made."""
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


def main() -> None:
    """Run the command."""
    raise SystemExit(run_command(lambda: _run(sys.argv[1:])))


def _run(arguments: Sequence[str]) -> None:
    flags = _parse(arguments)
    _check_effects(arguments, flags.model)
    data = _data_config(flags)
    with show_progress() as progress:
        dataset = load_dataset(data, progress)
    # torch takes seconds to import; mistakes in flags and data are told before.
    from models.ast_autoencoder.training_run import TrainingRun
    from models.training.devices import device_named
    from models.training.resuming import checkpoint_to_resume

    device = device_named(flags.run.device)
    settings = _settings(flags, data, device)
    folder = _folder(flags)
    if flags.resume is None:
        folder.write_config(settings)
    run = TrainingRun(
        config=flags.model,
        dataset=dataset,
        folder=folder,
        log=_log(flags),
        run_settings=settings,
        write_settings=lambda: folder.write_config(settings),
        resume=None if flags.resume is None else checkpoint_to_resume(folder, flags.resume),
        device=device,
        eval_interval=flags.run.eval_interval,
        log_interval=flags.run.log_interval,
        name=flags.config or "custom",
    )
    run.train()


def _parse(arguments: Sequence[str]) -> TrainFlags:
    """Read the flags twice: first for the preset or checkpoint, then for what beats it."""
    given = read_flags(TrainFlags, arguments, _COMMAND)
    defaults = _defaults(read_start(given.without_help))
    given.check_block(defaults.model)
    given.check_block(defaults.run)
    flags = tyro.cli(
        TrainFlags,
        args=given.arguments_beside(defaults),
        prog=_COMMAND,
        description=__doc__,
        default=defaults,
        use_underscores=True,
    )
    return dataclasses.replace(
        flags,
        model=to_config(AstAutoencoderConfig, to_mapping(flags.model), "flags"),
        run=to_config(RunFlags, to_mapping(flags.run), "flags"),
    )


def _check_effects(arguments: Sequence[str], config: AstAutoencoderConfig) -> None:
    """Refuse flags without effect, and say which keys of a preset have none."""
    settings = to_mapping(config)
    refuse_idle_flags(APPLIES, settings, read_flags(TrainFlags, arguments, _COMMAND).values)
    for note in idle_notes(APPLIES, settings, to_mapping(AstAutoencoderConfig())):
        sys.stderr.write(f"{note}\n")


def _defaults(start: Start) -> TrainFlags:
    if start.resume is None:
        model = find_preset(AST_AUTOENCODER, start.config).config if start.config else None
        return TrainFlags(model=model or AstAutoencoderConfig())
    folder = artifact_folder_of(start.resume)
    if not start.resume.exists():
        raise UserError(f"{start.resume}: no such checkpoint")
    settings, where = read_config(folder), str(folder.settings)
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


def _data_config(flags: TrainFlags) -> DataConfig:
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


def _log(flags: TrainFlags) -> LogSettings:
    return LogSettings(
        wandb_project=flags.wandb_project,
        wandb_run=flags.wandb_run,
        no_wandb=flags.no_wandb,
        tensorboard=flags.tensorboard,
    )


def _folder(flags: TrainFlags) -> ArtifactFolder:
    if flags.resume is not None:
        return artifact_folder_of(flags.resume)
    return new_artifact_folder(flags.artifacts_dir)


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


if __name__ == "__main__":
    main()
