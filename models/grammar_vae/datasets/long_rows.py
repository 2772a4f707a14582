"""Finds the few rows that make all others long: decoding takes as many steps as the longest row."""

from collections.abc import Callable

import numpy as np

_FAR = 1.5
"""A row is far longer than the rest from this many times the longest of them on."""
_LEAST_ROWS = 10
_ROWS_TO_ONE = 1000
"""Of so many rows one may be taken for an exception."""
_MAX_SHOWN = 3


def long_rows_note(lengths: np.ndarray, where: Callable[[int], str]) -> str | None:
    """Name rows that are far longer than all others, or return None.

    Args:
        lengths: steps of each row.
        where: names the place of a row.
    """
    if len(lengths) < _LEAST_ROWS:
        return None
    few = max(1, len(lengths) // _ROWS_TO_ONE)
    order = np.argsort(-lengths, kind="stable")
    longest, rest = int(lengths[order[0]]), int(lengths[order[few]])
    far = [int(row) for row in order[:few] if lengths[row] >= _FAR * rest]
    if not far:
        return None
    shown = "; ".join(f"{where(row)} takes {lengths[row]} steps" for row in far[:_MAX_SHOWN])
    more = f" and {len(far) - _MAX_SHOWN} more are as far off" if len(far) > _MAX_SHOWN else ""
    return (
        f"{shown}{more}, but all others at most {rest} (median {np.median(lengths):.0f}): because "
        f"of it every row is decoded in T = {longest} steps; leave it out if it is a mistake"
    )
