"""Checks of many programs at once, for arrays that come from disk."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.grammar.derivation import check_ids
from models.programs.language.kinds import language
from models.programs.language.machine import ConstraintMachine
from program_rules.reference import check_program

_CHUNK_ROWS = 4096
"""Programs at a time."""


def check_programs(ids: NDArray[np.integer]) -> None:
    """Check that every row is one complete program that keeps to all rules of the language.

    Args:
        ids: (N, T), padded with -1; a memory map will do.

    Raises:
        UserError: the first bad row, with its step and what is wrong there.
    """
    check_ids(ids, language().grammar)
    if not len(ids):
        return
    machine = ConstraintMachine("cpu", max(ids.shape[1], 4))
    for first in range(0, len(ids), _CHUNK_ROWS):
        chunk = torch.from_numpy(np.asarray(ids[first : first + _CHUNK_ROWS], dtype=np.int64))
        bad = (~keeps_rules(machine, chunk)).nonzero()
        if len(bad):
            row = int(bad[0, 0])
            check_program(chunk[row].tolist(), f"row {first + row}")
            raise AssertionError(f"row {first + row}: two checks of a program disagree")


def keeps_rules(machine: ConstraintMachine, ids: Tensor) -> Tensor:
    """Return bool (batch,): which derivations were allowed at each of their steps.

    Args:
        machine: follows the derivations.
        ids: (batch, time), derivations of the grammar padded with -1.
    """
    allowed = machine.allowed_in(machine.contexts_along(ids))
    chosen = ids.long().clamp(min=0)[..., None]
    return (allowed.gather(-1, chosen)[..., 0] | (ids < 0)).all(dim=1)
