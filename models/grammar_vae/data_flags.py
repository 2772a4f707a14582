"""The flags that say which data a command works on."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.grammar_vae.data import DataConfig
from models.grammar_vae.datasets.generators import DatasetName


@dataclass(frozen=True, kw_only=True)
class DataFlags:
    """Which data to work on: files, or a data set that is generated."""

    prod: str | None = None
    """Production ids, (rows, steps) int16, written by build_dataset or elsewhere."""
    masks: str | None = None
    """Packed masks that belong to --prod; checked against the grammar."""
    grammar: str | None = None
    """Grammar of --prod: a built-in name or a YAML file; default: as its metadata says."""
    dataset: DatasetName | None = None
    """Generate this data set instead of reading files."""
    num_rows: int | None = None
    """Rows to generate."""
    data_seed: int = 42
    """Seeds the generated rows and the splits."""
    limit_rows: int | None = None
    """Use a random part of the rows."""

    @property
    def given(self) -> bool:
        """Whether they name any data."""
        return self.prod is not None or self.dataset is not None

    @property
    def absolute(self) -> "DataFlags":
        """The same with whole paths, which mean the same from any folder."""
        files = {"prod": self.prod, "masks": self.masks, "grammar": self.grammar}
        whole = {
            key: str(Path(value).resolve())
            for key, value in files.items()
            if value is not None and Path(value).is_file()
        }
        return dataclasses.replace(self, **whole)

    @property
    def config(self) -> DataConfig:
        """The same as the settings that loading takes."""
        settings: dict[str, Any] = dataclasses.asdict(self)
        return DataConfig(seed=settings.pop("data_seed"), **settings)
