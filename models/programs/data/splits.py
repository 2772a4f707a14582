"""Training, validation and test programs, so that no twin of one part is in another.

Twins are programs that are the same up to the names of their variables, or do the same on all
probes. Classes of twins go to one side as a whole, in the order of a hash of their derivations, so
that a program's side does not depend on when it was drawn.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.wording import count

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


def split_classes(
    classes: TwinClasses, share: float = VAL_SHARE
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of training and validation, ascending.

    Args:
        classes: of all programs.
        share: of all programs, for validation.

    Raises:
        UserError: all programs are twins.
    """
    labels = classes.labels
    group, sizes, rank = _ranked(classes)
    if len(sizes) < 2:
        raise UserError(
            f"{count(len(labels), 'program')} without two that differ cannot be split into "
            "training and validation: take more programs"
        )
    chosen = _fill(np.argsort(rank, kind="stable"), sizes, share * len(labels))
    if not chosen.any():  # every class is larger than the part: take the smallest
        chosen[np.argmin(sizes)] = True
    is_val = chosen[group]
    return np.nonzero(~is_val)[0].astype(np.int64), np.nonzero(is_val)[0].astype(np.int64)


def hold_out(
    classes: TwinClasses, train: NDArray[np.int64], share: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows that are left for training, and those of the test part, ascending.

    The test part comes from the other end of the hashes' order than validation, which stays as it
    is without a test part.

    Args:
        classes: of all programs.
        train: rows of whole classes, as `split_classes` returns them.
        share: of all programs; 0 holds nothing out.

    Raises:
        UserError: no class of twins is small enough, or none would be left to train on.
    """
    if share == 0:
        return train, train[:0]
    group, sizes, rank = _ranked(classes)
    trained = np.unique(group[train])
    order = trained[np.argsort(rank[trained], kind="stable")[::-1]]
    chosen = _fill(order, sizes, share * len(group))
    is_test = chosen[group[train]]
    if not is_test.any() or is_test.all():
        raise UserError(
            f"test_share ({share:g}): {count(len(group), 'program')} cannot give a test part and "
            "leave some to train on: take more programs, or another share"
        )
    return train[~is_test], train[is_test]


def _ranked(
    classes: TwinClasses,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]:
    """Return the class of each program, and of each class its programs and its least hash."""
    _, group, sizes = np.unique(classes.labels, return_inverse=True, return_counts=True)
    rank = np.full(len(sizes), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(rank, group, classes.programs)
    return group, sizes, rank


def _fill(
    order: NDArray[np.int64], sizes: NDArray[np.int64], num_programs: float
) -> NDArray[np.bool_]:
    """Return bool (classes,): those that fit, in their order, into so many programs."""
    wanted = max(1, round(num_programs))
    chosen = np.zeros(len(sizes), dtype=np.bool_)
    count = 0
    for number in order:
        if count + sizes[number] <= wanted:
            chosen[number] = True
            count += int(sizes[number])
    return chosen


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
