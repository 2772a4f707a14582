"""Train a Grammar-VAE.

    python -m models.grammar_vae.train --config minimal --prod data/pde/prod_48000_ids_int16.npy
    python -m models.grammar_vae.train --dataset equations --num_rows 4000 --z_dim 16 --epochs 5
    python -m models.grammar_vae.train --resume training_artifacts/RUN/checkpoints/last.ckpt

Every key of a preset is a flag, and a flag beats the preset.
"""

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from models.commands.flags import read_flags
from models.commands.process import run_command
from models.commands.progress import show_progress
from models.config_file import to_config, to_mapping
from models.errors import UserError
from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.data import DataConfig, load_dataset
from models.grammar_vae.data_flags import DataFlags
from models.grammar_vae.effects import APPLIES
from models.presets import find_preset
from models.training.effects import idle_notes, refuse_idle_flags
from models.training.layout import (
    RunFolder,
    new_run_folder,
    read_settings,
    run_folder_of,
)
from models.training.sinks import LogSettings

_COMMAND = "python -m models.grammar_vae.train"


@dataclass(frozen=True, kw_only=True)
class TrainFlags:
    """All flags of the command."""

    config: str | None = None
    """Preset to start from: built in, or found in ./presets; default: the values below."""
    resume: Path | None = None
    """Checkpoint to go on from, with its settings and data."""
    gpus: int | None = None
    """GPUs to use, 0 or 1; default: 1 where there is one."""
    artifacts_dir: Path = Path("training_artifacts")
    """Where the folders of runs are made."""
    run_name: str | None = None
    """Name of the run's folder; default: the preset's name with the time."""
    log: Annotated[LogSettings, tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff] = field(
        default_factory=LogSettings
    )
    data: tyro.conf.OmitArgPrefixes[DataFlags] = field(default_factory=DataFlags)
    model: tyro.conf.OmitArgPrefixes[GrammarVaeConfig] = field(default_factory=GrammarVaeConfig)


def main() -> None:
    """Run the command."""
    raise SystemExit(run_command(lambda: _run(sys.argv[1:])))


def _run(arguments: Sequence[str]) -> None:
    flags = _parse(arguments)
    _check_effects(arguments, flags.model)
    data = _data_config(flags)
    _check_gpus(flags.gpus)
    _check_place(flags)
    with show_progress() as progress:
        dataset = load_dataset(data, progress)
    # torch takes seconds to import; mistakes in flags and data are told before.
    from models.grammar_vae.training_run import TrainingRun, choose_device

    device = choose_device(flags.gpus)  # before a folder is made
    folder = _folder(flags)
    run = TrainingRun(
        config=flags.model,
        dataset=dataset,
        log=flags.log,
        folder=folder,
        write_settings=lambda: _write_settings(folder, flags),
        resume=flags.resume,
        device=device,
        name=flags.config or "custom",
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
    given.check_block(defaults.log)
    given.check_block(defaults.model)
    flags = tyro.cli(
        TrainFlags,
        args=given.arguments_beside(defaults),
        prog=_COMMAND,
        description=__doc__,
        default=defaults,
        use_underscores=True,
    )
    model = to_config(GrammarVaeConfig, to_mapping(flags.model), "flags")
    return dataclasses.replace(flags, model=model)


def _check_effects(arguments: Sequence[str], config: GrammarVaeConfig) -> None:
    """Refuse flags without effect, and say which keys of a preset have none."""
    settings = to_mapping(config)
    refuse_idle_flags(APPLIES, settings, read_flags(TrainFlags, arguments, _COMMAND).values)
    for note in idle_notes(APPLIES, settings, to_mapping(GrammarVaeConfig())):
        sys.stderr.write(f"{note}\n")


@dataclass(frozen=True, kw_only=True)
class _Source:
    config: str | None = None
    resume: Path | None = None


def _defaults(source: _Source) -> TrainFlags:
    if source.resume is None:
        model = find_preset("grammar_vae", source.config).config if source.config else None
        return TrainFlags(model=model or GrammarVaeConfig())
    if source.config is not None:
        raise UserError("--resume takes the checkpoint's settings: leave out --config")
    settings = read_settings(run_folder_of(source.resume))
    return TrainFlags(
        log=to_config(LogSettings, settings.get("log", {}), str(source.resume)),
        data=to_config(DataFlags, settings["data"], str(source.resume)),
        model=to_config(GrammarVaeConfig, settings["model"], str(source.resume)),
    )


def _data_config(flags: TrainFlags) -> DataConfig:
    if not flags.data.given:
        raise UserError(
            "no data: pass --prod ids.npy (see python -m models.grammar_vae.build_dataset), "
            "or --dataset pde|equations --num_rows N"
        )
    return flags.data.config


def _check_gpus(num_gpus: int | None) -> None:
    if num_gpus is not None and num_gpus not in (0, 1):
        raise UserError(
            f"--gpus {num_gpus}: a run trains on 0 or 1 GPU; `tuner search` fills several GPUs "
            "with trials"
        )


def _check_place(flags: TrainFlags) -> None:
    """Refuse what says where a new run goes when no new run is made."""
    if flags.resume is None:
        return
    given = {"--run_name": flags.run_name, "--artifacts_dir": flags.artifacts_dir}
    for flag, value in given.items():
        if value not in (None, TrainFlags.artifacts_dir):
            raise UserError(
                f"{flag} {value}: --resume goes on in the folder of the checkpoint: leave it out"
            )


def _folder(flags: TrainFlags) -> RunFolder:
    if flags.resume is not None:
        return run_folder_of(flags.resume)
    folder = new_run_folder(flags.artifacts_dir, flags.run_name, flags.config or "custom")
    _write_settings(folder, flags)
    return folder


def _write_settings(folder: RunFolder, flags: TrainFlags) -> None:
    header = "A training run of the Grammar-VAE; go on with:\n" + (
        f"python -m models.grammar_vae.train --resume {folder.checkpoints / 'last.ckpt'}"
    )
    folder.write_settings(_blocks(flags), header)


def _blocks(flags: TrainFlags) -> dict[str, Any]:
    """Return the flags as the blocks of a run's settings file."""
    return {
        "data": to_mapping(flags.data.absolute),
        "model": to_mapping(flags.model),
        "log": to_mapping(flags.log),
    }


if __name__ == "__main__":
    main()
