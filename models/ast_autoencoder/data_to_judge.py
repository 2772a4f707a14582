"""The data set that `use evaluate` judges a model on; found before the model is read."""

from pathlib import Path
from typing import Any

from models.ast_autoencoder.data import DataConfig, check_data
from models.commands.model_files import data_of_run
from models.config_file import to_config
from models.training.folders import artifact_folder_of, read_config


def data_of(folder: Path | None, checkpoint: Path) -> DataConfig:
    """Return the data to judge on: a folder's, or else those of the run of a checkpoint.

    Raises:
        UserError: the checkpoint lies in no run's folder, or the data set is not there.
    """
    if folder is not None:
        data = DataConfig(data_dir=str(folder))
    else:
        content = data_of_run(checkpoint, _read, "--data_dir")
        data = to_config(DataConfig, content, str(checkpoint))
    check_data(data)
    return data


def _read(checkpoint: Path) -> dict[str, Any]:
    return read_config(artifact_folder_of(checkpoint))
