"""What an epoch on all data takes, from one on a part of them."""

import time
from collections.abc import Callable
from typing import Any

from models.errors import UserError

_SHARE = 4
"""The rows of the smaller validation are one of so many."""


def timed(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Do some work; return the seconds that it takes."""
    begin = clock()
    work()
    return clock() - begin


def whole_epoch_s(
    task: Any,
    part: Any,
    dataset: Any,
    seconds: tuple[float, float],
    *,
    room_s: float,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Return the seconds of an epoch on all data, validation included.

    Training takes as long as its rows. Validation does not: programs of any number are
    decoded side by side, for as many steps as the longest takes, so that a fifth of a second may
    be spent on seventeen rows as on a hundred. It is measured on all rows where there is time, and
    else grows by what it takes beyond a quarter of the part's rows.

    Args:
        task: has been trained on the part.
        part: of the data set, see `part_of`.
        dataset: all data.
        seconds: of training an epoch of the part, and of its validation.
        room_s: how long all validation rows may take at most to be measured.
        clock: seconds that only rise.
    """
    train_s, val_s = seconds
    trained_s = train_s * len(dataset.train) / len(part.train)
    num_part, num_all = len(part.val), len(dataset.val)
    if num_part == num_all:
        return trained_s + val_s
    most_s = val_s * num_all / num_part
    some = part.val[::_SHARE]
    if most_s > room_s and num_part > len(some):
        beyond_s = max(val_s - _validation_s(task, some, clock), 0.0) / (num_part - len(some))
        most_s = min(most_s, val_s + beyond_s * (num_all - num_part))
    return trained_s + (most_s if most_s > room_s else _validation_s(task, dataset.val, clock))


def _validation_s(task: Any, rows: Any, clock: Callable[[], float]) -> float:
    """Return what validation takes on some rows; nothing where none is one that can be taken."""
    start = clock()
    try:
        task.evaluate_on(rows)
    except UserError:
        return 0.0
    return clock() - start
