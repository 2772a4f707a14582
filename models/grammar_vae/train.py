"""Train a Grammar-VAE.

    python -m models.grammar_vae.train --config minimal --prod data/pde/prod_48000_ids_int16.npy
    python -m models.grammar_vae.train --dataset equations --num_rows 4000 --z_dim 16 --epochs 5
    python -m models.grammar_vae.train --resume training_artifacts/RUN

Every key of a preset is a flag, and a flag beats the preset.
"""

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tyro

from models.commands.flags import read_flags
from models.commands.process import run_command
from models.commands.progress import show_progress
from models.config_file import to_config, to_mapping
from models.effects import idle_notes, refuse_idle_flags
from models.errors import UserError
from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.data import DataConfig, load_dataset
from models.grammar_vae.data_flags import DataFlags
from models.grammar_vae.effects import APPLIES
from models.grammar_vae.spec import GRAMMAR_VAE
from models.presets import find_preset
from models.training.layout import (
    RunFolder,
    new_run_folder,
    read_settings,
    run_folder_of,
)
from models.training.run_start import Start, log_to_go_on_with, read_start
from models.training.sinks import LogSettings

_COMMAND = "python -m models.grammar_vae.train"


@dataclass(frozen=True, kw_only=True)
class TrainFlags:
    """All flags of the command."""

    config: str | None = None
    """Preset to start from: built in, or found in ./presets; default: the values below."""
    resume: Path | None = None
    """Checkpoint to go on from, or a run's folder for its latest, with its settings and data."""
    gpus: int | None = None
    """GPUs to use, 0 or 1; default: 1 where there is one."""
    artifacts_dir: Path = Path("training_artifacts")
    """Where the folders of runs are made."""
    run_name: str | None = None
    """Name of the run's folder; default: the preset's name with the time."""
    log: tyro.conf.OmitArgPrefixes[LogSettings] = field(default_factory=LogSettings)
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
    with show_progress() as progress:
        dataset = load_dataset(data, progress)
    # torch takes seconds to import; mistakes in flags and data are told before.
    from models.grammar_vae.training_run import TrainingRun
    from models.training.devices import device_of_gpus
    from models.training.resuming import checkpoint_to_resume

    device = device_of_gpus(flags.gpus)  # before a folder is made
    folder = _folder(flags)
    run = TrainingRun(
        config=flags.model,
        dataset=dataset,
        log=flags.log,
        folder=folder,
        write_settings=lambda: _write_settings(folder, flags),
        resume=None if flags.resume is None else checkpoint_to_resume(folder, flags.resume),
        device=device,
        name=flags.config or "custom",
    )
    run.train()


def _parse(arguments: Sequence[str]) -> TrainFlags:
    """Read the flags twice: first for the preset or checkpoint, then for what beats it."""
    given = read_flags(TrainFlags, arguments, _COMMAND)
    defaults = _defaults(read_start(given.without_help))
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
class _RunSettings:
    """How a run is carried out, as its folder remembers it."""

    preset: str | None = None
    gpus: int | None = None


def _defaults(start: Start) -> TrainFlags:
    if start.resume is None:
        model = find_preset(GRAMMAR_VAE, start.config).config if start.config else None
        return TrainFlags(model=model or GrammarVaeConfig())
    folder = run_folder_of(start.resume)
    settings, where = read_settings(folder), str(folder.settings)
    run = to_config(_RunSettings, settings.get("run", {}), where)
    return TrainFlags(
        config=run.preset,
        gpus=run.gpus,
        log=log_to_go_on_with(start, settings.get("log"), LogSettings(), where),
        data=to_config(DataFlags, settings["data"], where),
        model=to_config(GrammarVaeConfig, settings["model"], where),
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
        "run": to_mapping(_RunSettings(preset=flags.config, gpus=flags.gpus)),
    }


if __name__ == "__main__":
    main()
