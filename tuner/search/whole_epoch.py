"""What an epoch on all data takes, from one on a part of them."""

import time
from collections.abc import Callable
from typing import Any

from models.errors import UserError

_SHARE = 4
"""The rows of the smaller validation are one of so many."""


def whole_epoch_s(
    task: Any,
    part: Any,
    dataset: Any,
    seconds: tuple[float, float],
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Return the seconds of an epoch on all data, validation included.

    Training takes as long as its rows. Validation does not: programs of any number are
    decoded side by side, for as many steps as the longest takes, so that a fifth of a second may
    be spent on seventeen rows as on a hundred. It grows by what it takes beyond a quarter of the
    part's rows, of which the longest program is about as long.

    Args:
        task: has been trained on the part.
        part: of the data set, see `part_of`.
        dataset: all data.
        seconds: of training an epoch of the part, and of its validation.
        clock: seconds that only rise.
    """
    train_s, val_s = seconds
    num_part, num_all = len(part.val), len(dataset.val)
    trained_s = train_s * len(dataset.train) / len(part.train)
    if num_part == num_all:
        return trained_s + val_s
    some = part.val[::_SHARE]
    beyond_s = val_s - _validation_s(task, some, clock) if num_part > len(some) else val_s
    beyond_s *= (num_all - num_part) / max(num_part - len(some), 1)
    return trained_s + min(val_s + max(beyond_s, 0.0), val_s * num_all / num_part)


def _validation_s(task: Any, rows: Any, clock: Callable[[], float]) -> float:
    """Return what validation takes on some rows, after a first time that may prepare things."""
    try:
        task.evaluate_on(rows)
    except UserError:  # none of so few is one that the model takes
        return 0.0
    start = clock()
    task.evaluate_on(rows)
    return clock() - start
