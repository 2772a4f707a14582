"""Training and validation programs, so that no twin of one part is in the other.

Twins are programs that are the same up to the names of their variables, or do the same on all
probes. Classes of twins go to one side as a whole, in the order of a hash of their derivations, so
that a program's side does not depend on when it was drawn.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError

VAL_SHARE = 0.2


@dataclass(frozen=True, kw_only=True, eq=False)
class TwinClasses:
    """Which programs are twins.

    Args:
        programs: uint64 (N,), digest of each derivation.
        behaviours: uint64 (N,), digest of what each does on the probes.
        labels: int64 (N,), number of the class of each.
    """

    programs: NDArray[np.uint64]
    behaviours: NDArray[np.uint64]
    labels: NDArray[np.int64]


def twin_classes(programs: NDArray[np.uint64], behaviours: NDArray[np.uint64]) -> TwinClasses:
    """Return the classes of programs that share a derivation or a behaviour, also by a chain."""
    labels = np.arange(len(programs), dtype=np.int64)
    changed = True
    while changed:
        before = labels
        for digests in (programs, behaviours):
            _, group = np.unique(digests, return_inverse=True)
            lowest = np.full(len(labels), len(labels), dtype=np.int64)
            np.minimum.at(lowest, group, labels)
            labels = lowest[group]
        changed = bool((labels != before).any())
    return TwinClasses(programs=programs, behaviours=behaviours, labels=labels)


def split_classes(classes: TwinClasses) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of training and validation, ascending; a fifth is for validation.

    Raises:
        UserError: all programs are twins.
    """
    labels = classes.labels
    _, group, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        raise UserError(
            f"{len(labels)} programs without two that differ cannot be split into training and "
            "validation: take more programs"
        )
    rank = np.full(len(sizes), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(rank, group, classes.programs)
    wanted = max(1, round(VAL_SHARE * len(labels)))
    chosen = np.zeros(len(sizes), dtype=np.bool_)
    num_val = 0
    for number in np.argsort(rank, kind="stable"):
        if num_val + sizes[number] <= wanted:
            chosen[number] = True
            num_val += int(sizes[number])
    if num_val == 0:  # every class is larger than the part: take the smallest
        chosen[np.argmin(sizes)] = True
    is_val = chosen[group]
    return np.nonzero(~is_val)[0].astype(np.int64), np.nonzero(is_val)[0].astype(np.int64)


def twin_counts(
    classes: TwinClasses, train: NDArray[np.int64], val: NDArray[np.int64]
) -> dict[str, int]:
    """Count twins, in all and across the split, without using the classes for the latter."""
    programs, behaviours = classes.programs, classes.behaviours
    return {
        "programs": len(programs),
        "different_programs": len(np.unique(programs)),
        "different_behaviours": len(np.unique(behaviours)),
        "largest_class": int(np.bincount(classes.labels).max(initial=0)),
        "val_with_program_in_train": int(np.isin(programs[val], programs[train]).sum()),
        "val_with_behaviour_in_train": int(np.isin(behaviours[val], behaviours[train]).sum()),
    }
