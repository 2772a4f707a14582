"""Train a Grammar-VAE.

    python -m models.grammar_vae.train --config minimal --prod data/pde/prod_48000_ids_int16.npy
    python -m models.grammar_vae.train --dataset equations --num_rows 4000 --z_dim 16 --epochs 5
    python -m models.grammar_vae.train --resume training_artifacts/RUN

Every key of a preset is a flag, and a flag beats the preset.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import tyro

from models.commands.train import StartFlags, TrainCommand
from models.config_file import to_config, to_mapping
from models.errors import UserError
from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.data import DataConfig
from models.grammar_vae.data_flags import DataFlags
from models.grammar_vae.spec import GRAMMAR_VAE
from models.training.devices import device_of_gpus
from models.training.folders import new_run_folder

if TYPE_CHECKING:
    from models.training.run import ModelRun


@dataclass(frozen=True, kw_only=True)
class TrainFlags(StartFlags):
    """Where the data are, how the run is named, and every key of a preset."""

    gpus: int | None = None
    """GPUs to use, 0 or 1; default: 1 where there is one."""
    run_name: str | None = None
    """Name of the run's folder; default: the preset's name with the time."""
    data: tyro.conf.OmitArgPrefixes[DataFlags] = field(default_factory=DataFlags)
    model: tyro.conf.OmitArgPrefixes[GrammarVaeConfig] = field(default_factory=GrammarVaeConfig)


@dataclass(frozen=True, kw_only=True)
class _RunSettings:
    """How a run is carried out, as its folder remembers it."""

    preset: str | None = None
    gpus: int | None = None


def _resumed(settings: Mapping[str, Any], where: str) -> dict[str, Any]:
    run = to_config(_RunSettings, settings.get("run", {}), where)
    data = to_config(DataFlags, settings["data"], where)
    return {"config": run.preset, "gpus": run.gpus, "data": data}


def _data(flags: TrainFlags) -> DataConfig:
    if not flags.data.given:
        raise UserError(
            "no data: pass --prod ids.npy (see python -m models.grammar_vae.build_dataset), "
            "or --dataset pde|equations --num_rows N"
        )
    if flags.gpus not in (None, 0, 1):
        raise UserError(
            f"--gpus {flags.gpus}: a run trains on 0 or 1 GPU; `tuner search` fills several "
            "GPUs with trials"
        )
    return flags.data.config


def _model_run(flags: TrainFlags) -> "ModelRun":
    from models.grammar_vae.training_run import GRAMMAR_VAE_RUN

    return GRAMMAR_VAE_RUN


TRAIN = TrainCommand(
    spec=GRAMMAR_VAE,
    flags_type=TrainFlags,
    about=__doc__,
    resumed=_resumed,
    data=_data,
    device=lambda flags: device_of_gpus(flags.gpus),
    kept_data=lambda flags, data: to_mapping(flags.data.absolute),
    kept=lambda flags, device: {
        "run": to_mapping(_RunSettings(preset=flags.config, gpus=flags.gpus))
    },
    model_run=_model_run,
    new_folder=lambda f: new_run_folder(f.artifacts_dir, f.run_name, f.config or "custom"),
    shown=lambda data, kept, device: {**kept["model"], "data": data.name, "device": device},
)
main = TRAIN.main


if __name__ == "__main__":
    main()
