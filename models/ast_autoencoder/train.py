"""Train an AST autoencoder.

    python -m models.ast_autoencoder.train --data_dir data/programs-1000
    python -m models.ast_autoencoder.train --data_dir data/programs-5000 --config large
    python -m models.ast_autoencoder.train --resume training_artifacts/RUN/checkpoint_epoch_10.pt

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
from models.commands.flags import read_flags
from models.commands.process import run_command
from models.commands.progress import show_progress
from models.config_file import to_config, to_mapping
from models.errors import UserError
from models.presets import find_preset
from models.training.effects import idle_notes, refuse_idle_flags
from models.training.sinks import LogSettings

_COMMAND = "python -m models.ast_autoencoder.train"

Positive = Annotated[int, Field(gt=0)]


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
    """Checkpoint to go on from, with its settings and data."""
    artifacts_dir: Path = Path("training_artifacts")
    """Where the folders of runs are made."""
    wandb_project: str = "AST-Autoencoder"
    """Weights & Biases project to log to; offline where there is no login or network."""
    wandb_run: str | None = None
    """Name of the W&B run; default: the name of the run's folder."""
    no_wandb: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Do not log to W&B."""
    tensorboard: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
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
    log = LogSettings(
        wandb_project=flags.wandb_project,
        wandb_run=flags.wandb_run,
        no_wandb=flags.no_wandb,
        tensorboard=flags.tensorboard,
    )
    data = _data_config(flags)
    with show_progress() as progress:
        dataset = load_dataset(data, progress)
    # torch takes seconds to import; mistakes in flags and data are told before.
    from models.ast_autoencoder.training_run import TrainingRun, choose_device

    device = choose_device(flags.run.device)
    folder = _folder(flags)
    settings = _settings(flags, data, device)
    folder.write_config(settings)
    run = TrainingRun(
        config=flags.model,
        dataset=dataset,
        folder=folder,
        log=log,
        run_settings=settings,
        resume=flags.resume,
        device=device,
        eval_interval=flags.run.eval_interval,
        log_interval=flags.run.log_interval,
    )
    run.train()


def _parse(arguments: Sequence[str]) -> TrainFlags:
    """Read the flags twice: first for the preset or checkpoint, then for what beats it."""
    given = read_flags(TrainFlags, arguments, _COMMAND)
    first, _ = tyro.cli(
        Annotated[_Source, tyro.conf.OmitArgPrefixes],
        args=given.without_help,
        use_underscores=True,
        return_unknown_args=True,
        add_help=False,
    )
    defaults = _defaults(first)
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


@dataclass(frozen=True, kw_only=True)
class _Source:
    config: str | None = None
    resume: Path | None = None


def _defaults(source: _Source) -> TrainFlags:
    if source.resume is None:
        model = find_preset("ast_autoencoder", source.config).config if source.config else None
        return TrainFlags(model=model or AstAutoencoderConfig())
    if source.config is not None:
        raise UserError("--resume takes the checkpoint's settings: leave out --config")
    folder = artifact_folder_of(source.resume)
    settings, where = read_config(folder), str(folder.settings)
    data = to_config(DataConfig, settings["data"], where)
    return TrainFlags(
        data_dir=None if data.data_dir is None else Path(data.data_dir),
        num_programs=data.num_programs,
        data_seed=data.seed,
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
        data_dir=None if flags.data_dir is None else str(flags.data_dir),
        num_programs=flags.num_programs,
        seed=flags.data_seed,
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
        "preset": flags.config,
        "device": device,
        "versions": versions,
    }


if __name__ == "__main__":
    main()
