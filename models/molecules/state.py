"""Where each row of a batch stands while its molecule is written."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.molecules.classes import NUM_DIGITS

LEVELS = 16
"""Branches that may be open at once, and one."""
COMPONENTS = 10
"""Aromatic ring systems of a molecule."""
MAX_DEPTH = 60
"""Aromatic atoms in a row within one ring system: their bonds are bits of a number."""
ID, CAPACITY, COMPONENT, SLOT, DEPTH, KIND, LEVEL = range(7)
"""What is remembered of an atom that may still get bonds."""
FIELDS = 7
NONE = -1
RETURNED = -2
"""In place of a parent: the chain has come back to the atom from a branch."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MoleculeState:
    """The state of a batch; never changed in place.

    An atom's record says which atom it is, how much capacity it has left, its aromatic ring system
    (NONE outside), its slot there (NONE once it is settled), how many aromatic bonds lie between it
    and the first atom of that system, its kind, and the branch level that it stands on.

    Args:
        atom: int64 (batch, FIELDS), the atom that gets the next bond.
        parent: int64 (batch,), the atom that it was bonded to first, or RETURNED.
        level: int64 (batch,), open branches.
        branches: int64 (batch, LEVELS, FIELDS), the atom that each level goes back to.
        openers: int64 (batch, NUM_DIGITS, FIELDS), the atom at which each digit was opened.
        is_open: bool (batch, NUM_DIGITS), whose ring bond is not closed.
        is_live: bool (batch, NUM_DIGITS), whose ring bond may still become aromatic.
        is_bonded: bool (batch, NUM_DIGITS), whose opener is bonded to the atom already.
        words: int64 (batch, COMPONENTS), see `matching.py`.
        uncovered: int64 (batch, COMPONENTS), bits of the aromatic bonds of the path that lie in no
            ring so far, by the depth of their farther atom; bit 0 stands for the first atom.
        used: int64 (batch, COMPONENTS), bits of the slots in use.
        rigid: int64 (batch, COMPONENTS), bits of those whose atoms only a ring bond can satisfy.
        num_components: int64 (batch,), ring systems so far.
        num_atoms: int64 (batch,), atoms so far.
        build: int64 (batch,), state of `atom_tables.py`.
        order: int64 (batch,), of the bond to the next atom; 0 before the first.
        explicit: bool (batch,), whether that bond was written, so that it is not aromatic.
        taken: bool (batch,), whether the atom's capacity is reduced by it already.
        directed: bool (batch,), whether it has a direction, so that it is not double.
        in_branch: bool (batch,), whether it begins a branch.
        ring_order: int64 (batch,), of the ring bond whose digit comes next.
    """

    atom: Tensor
    parent: Tensor
    level: Tensor
    branches: Tensor
    openers: Tensor
    is_open: Tensor
    is_live: Tensor
    is_bonded: Tensor
    words: Tensor
    uncovered: Tensor
    used: Tensor
    rigid: Tensor
    num_components: Tensor
    num_atoms: Tensor
    build: Tensor
    order: Tensor
    explicit: Tensor
    taken: Tensor
    directed: Tensor
    in_branch: Tensor
    ring_order: Tensor


def first_state(batch: int, device: torch.device) -> MoleculeState:
    """Return the state before the first atom."""
    zeros = torch.zeros(batch, dtype=torch.int64, device=device)
    no = torch.zeros(batch, dtype=torch.bool, device=device)
    per_component = zeros.new_zeros((batch, COMPONENTS))
    per_digit = no.new_zeros((batch, NUM_DIGITS))
    return MoleculeState(
        atom=zeros.new_full((batch, FIELDS), NONE),
        parent=zeros + NONE,
        level=zeros,
        branches=zeros.new_full((batch, LEVELS, FIELDS), NONE),
        openers=zeros.new_full((batch, NUM_DIGITS, FIELDS), NONE),
        is_open=per_digit,
        is_live=per_digit,
        is_bonded=per_digit,
        words=per_component + 1,
        uncovered=per_component,
        used=per_component,
        rigid=per_component,
        num_components=zeros,
        num_atoms=zeros,
        build=zeros,
        order=zeros,
        explicit=~no,
        taken=~no,
        directed=no,
        in_branch=no,
        ring_order=zeros + 1,
    )
