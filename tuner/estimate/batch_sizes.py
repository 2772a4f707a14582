"""Searched batch sizes against the training rows: those of all rows and of more train alike."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from models.errors import Mistake
from tuner.errors import SearchInvalid
from tuner.search.domains import Choice, IntRange
from tuner.search.search import Search

_KEY = "batch_size"


def refuse_alike_batches(search: Search, dataset: Any) -> None:
    """Refuse a search for batch sizes of which each is all training rows in one batch.

    Raises:
        SearchInvalid: that is so.
    """
    sizes = _sizes(search)
    if len(sizes) < 2 or sizes[0] < (num_rows := len(dataset.train)):
        return
    key = f"space.{_KEY}"
    rule = f"{key} would change nothing: a batch is all {num_rows:,} training rows in any case"
    mistake = Mistake(key=key, rule=rule, remedy=f"remove it, or take values below {num_rows}")
    raise SearchInvalid(search.source, [mistake])


def alike_batches(search: Search, num_rows: int) -> list[str]:
    """Return a line where two or more of the searched batch sizes are all rows in one batch."""
    sizes = _sizes(search)
    alike = sizes[bisect_left(sizes, num_rows) :]
    if len(alike) < 2:
        return []
    return [
        f"space.{_KEY} changes nothing from {alike[0]} to {alike[-1]}, since a batch then is all "
        f"{num_rows:,} training rows: end it at {alike[0]}"
    ]


def _sizes(search: Search) -> Sequence[int]:
    """Return the batch sizes that are searched, the smallest first."""
    if _KEY not in search.space.keys:
        return ()
    match search.space.parameter(_KEY).domain:
        case Choice(options=options):
            return sorted(options)
        case IntRange(low=low, high=high, step=step):
            return range(low, high + 1, step)
    return ()
