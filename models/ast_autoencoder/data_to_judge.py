"""The data set that `use evaluate` judges a model on; found before the model is read."""

from pathlib import Path

from models.ast_autoencoder.data import DataConfig, check_data
from models.config_file import to_config
from models.errors import UserError
from models.training.folders import artifact_folder_of, read_config


def data_of(folder: Path | None, checkpoint: Path) -> DataConfig:
    """Return the data to judge on: a folder's, or else those of the run of a checkpoint.

    Raises:
        UserError: the checkpoint lies in no run's folder, or the data set is not there.
    """
    if folder is not None:
        data = DataConfig(data_dir=str(folder))
    else:
        try:
            settings = read_config(artifact_folder_of(checkpoint))
        except UserError as error:
            raise UserError(
                f"no data: pass --data_dir, since {checkpoint} does not lie in the folder of its "
                "run"
            ) from error
        data = to_config(DataConfig, settings["data"], str(checkpoint))
    check_data(data)
    return data
