"""The names of a data set's files; every reader and writer asks here."""

from dataclasses import dataclass
from pathlib import Path

IDS_ENDING = "_ids_int16.npy"
SPLIT_NAMES = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class DatasetFiles:
    """The files of one data set: `prefix` is `prod_48000` where 48,000 is the number of rows."""

    folder: Path
    prefix: str

    @staticmethod
    def beside(prod: Path) -> "DatasetFiles":
        """Return the files that belong to the ids in `prod`, whatever its name."""
        name = prod.name
        prefix = name[: -len(IDS_ENDING)] if name.endswith(IDS_ENDING) else prod.stem
        return DatasetFiles(folder=prod.parent, prefix=prefix)

    @staticmethod
    def new(folder: Path, num_rows: int) -> "DatasetFiles":
        """Return the files of a data set of `num_rows` rows in `folder`."""
        return DatasetFiles(folder=folder, prefix=f"prod_{num_rows}")

    @property
    def ids(self) -> Path:
        """Production ids, int16 `(rows, steps)`."""
        return self.folder / f"{self.prefix}{IDS_ENDING}"

    @property
    def masks(self) -> Path:
        """Packed masks, uint8 `(rows, steps, bytes)`; optional."""
        return self.folder / f"{self.prefix}_masks_packed.npy"

    @property
    def meta(self) -> Path:
        """Sizes, grammar and names of the labels, JSON."""
        return self.folder / f"{self.prefix}_meta.json"

    @property
    def splits(self) -> Path:
        """Row numbers of train, val and test, and the rows' labels."""
        return self.folder / f"{self.prefix}_splits.npz"

    @property
    def text(self) -> Path:
        """The rows as text, one a line; optional."""
        return self.folder / f"{self.prefix}.txt"

    def published_splits(self) -> dict[str, Path]:
        """Return the split files of arrays made elsewhere, those that exist."""
        paths = {name: self.folder / f"{name}_indices.npy" for name in SPLIT_NAMES}
        return {name: path for name, path in paths.items() if path.is_file()}
