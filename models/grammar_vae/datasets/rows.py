"""What every generator of text gives back: distinct rows, each with a label."""

from dataclasses import dataclass

import numpy as np

from models.errors import UserError


@dataclass(frozen=True, kw_only=True)
class LabelledRows:
    """Strings of a grammar with the kind of each, in a fixed order for a seed.

    `labels` is int16 `(N,)`, an index into `label_names`; splits are stratified by it.
    """

    texts: list[str]
    labels: np.ndarray
    label_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)


def check_request(num_rows: int, seed: int) -> None:
    """Refuse a count or a seed that no generator can serve.

    Raises:
        UserError: `num_rows` is below 1 or `seed` is negative.
    """
    if num_rows < 1:
        raise UserError(f"num_rows ({num_rows}) must be at least 1: ask for more rows")
    if seed < 0:
        raise UserError(f"seed ({seed}) must not be negative: take 0 or above")
