"""A column of texts as two arrays, which processes can share and files can hold."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class TextColumn:
    """N texts, read one at a time.

    Args:
        text: uint8, all texts in UTF-8, one after the other.
        starts: int64 (N + 1,), where each begins, and the end.
    """

    text: NDArray[np.uint8]
    starts: NDArray[np.int64]

    @staticmethod
    def of(texts: Iterable[str]) -> "TextColumn":
        """Return the column of some texts."""
        encoded = [text.encode() for text in texts]
        starts = np.zeros(len(encoded) + 1, dtype=np.int64)
        starts[1:] = np.cumsum([len(each) for each in encoded])
        return TextColumn(text=np.frombuffer(b"".join(encoded), dtype=np.uint8), starts=starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> str:
        return self.text[self.starts[row] : self.starts[row + 1]].tobytes().decode()

    def select(self, rows: NDArray[np.integer] | Sequence[int]) -> "TextColumn":
        """Return the texts of some rows, in that order."""
        return TextColumn.of(self[int(row)] for row in rows)


def join_columns(columns: Sequence[TextColumn]) -> TextColumn:
    """Return the texts of all columns, one after the other."""
    sizes = [np.diff(column.starts) for column in columns]
    text = [column.text for column in columns]
    starts = np.append(0, np.cumsum(np.concatenate([*sizes, np.zeros(0, dtype=np.int64)])))
    return TextColumn(
        text=np.concatenate([*text, np.zeros(0, dtype=np.uint8)]),
        starts=starts.astype(np.int64),
    )
