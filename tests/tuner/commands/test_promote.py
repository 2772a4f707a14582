"""What `tuner promote` says besides what was made."""

from pathlib import Path

import pytest

from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.train import TrainFlags
from models.presets import Preset
from tuner.commands.promote import training_command


def preset(**settings):
    return Preset(
        name="first-1",
        model="ast_autoencoder",
        config=AstAutoencoderConfig(),
        source=Path("first-1.yaml"),
        provenance={"data": {"settings": settings}},
    )


@pytest.mark.parametrize(
    ("settings", "flags"),
    [
        ({}, ""),
        ({"num_programs": 3000, "seed": 7}, " --num_programs 3000 --data_seed 7"),
        ({"data_dir": "my data", "num_programs": None}, " --data_dir 'my data'"),
    ],
)
def test_the_training_command_names_the_data_of_the_search(settings, flags):
    command = training_command(preset(**settings))
    assert command == f"python -m models.ast_autoencoder.train --config first-1{flags}"
    names = {word.removeprefix("--") for word in flags.split() if word.startswith("--")}
    assert names <= set(TrainFlags.__dataclass_fields__)


def test_a_preset_without_provenance_has_one_too():
    bare = Preset(
        name="mine",
        model="ast_autoencoder",
        config=AstAutoencoderConfig(),
        source=Path("mine.yaml"),
    )
    assert training_command(bare).endswith("--config mine")
