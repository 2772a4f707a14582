"""The names of a data set's files; every reader and writer asks here."""

from dataclasses import dataclass
from pathlib import Path

SHARD_PROGRAMS = 10_000


@dataclass(frozen=True, kw_only=True)
class ProgramFiles:
    """The files of one data set."""

    folder: Path

    @property
    def metadata(self) -> Path:
        """What the folder holds, JSON."""
        return self.folder / "metadata.json"

    @property
    def graphs(self) -> Path:
        """Folder of the shards."""
        return self.folder / "graphs"

    def shard(self, number: int) -> Path:
        """Return the file of a shard: programs, split, examples and names."""
        return self.graphs / f"programs_{number:05d}.npz"
