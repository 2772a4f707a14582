"""Train a text VAE: python -m text_vae.train --file lines.txt [--config lines] [--resume RUN]."""

from dataclasses import dataclass, field
from pathlib import Path

import tyro

from models.commands.train import StartFlags, TrainCommand
from text_vae.config import TextVaeConfig
from text_vae.data import TextDataConfig
from text_vae.spec import TEXT_VAE


@dataclass(frozen=True, kw_only=True)
class TrainFlags(StartFlags):
    file: Path = Path()
    data_seed: int = 42
    model: tyro.conf.OmitArgPrefixes[TextVaeConfig] = field(default_factory=TextVaeConfig)


TRAIN = TrainCommand(
    spec=TEXT_VAE,
    flags_type=TrainFlags,
    about=__doc__,
    data=lambda flags: TextDataConfig(file=str(flags.file.resolve()), seed=flags.data_seed),
    kept=lambda flags, device: {"run": {"preset": flags.config}},
    resumed=lambda settings, where: {
        "config": settings["run"]["preset"],
        "file": Path(settings["data"]["file"]),
        "data_seed": settings["data"]["seed"],
    },
)
if __name__ == "__main__":
    TRAIN.main()
