"""What a chosen production does to the molecule."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.molecules.atom_tables import NOT_AN_ATOM
from models.molecules.classes import NUM_DIGITS
from models.molecules.device_tables import MoleculeTables
from models.molecules.looks import Look
from models.molecules.state import MoleculeState


@dataclass(frozen=True, kw_only=True, eq=False)
class Taken:
    """What the chosen production does, each (batch,).

    Args:
        atom: the kind of atom that it completes, or NOT_AN_ATOM.
        is_atom, is_end, is_bond, is_branch, opens, closes: whether it does that.
        bond: order of the bond that it writes or of the branch that it opens, else 0.
        explicit: whether a branch's bond is written.
        digit: its digit, 0 where it has none.
        joins: whether its atom goes on in the ring system.
        leaves: whether the chain leaves the ring system for good.
        aromatic_ring: whether the ring bond that it closes is aromatic.
        ring_order: of the ring bond that it closes.
    """

    atom: Tensor
    is_atom: Tensor
    is_end: Tensor
    is_bond: Tensor
    is_branch: Tensor
    opens: Tensor
    closes: Tensor
    bond: Tensor
    explicit: Tensor
    digit: Tensor
    joins: Tensor
    leaves: Tensor
    aromatic_ring: Tensor
    ring_order: Tensor


def meaning(state: MoleculeState, at: Look, classes: Tensor, tables: MoleculeTables) -> Taken:
    """Return what the classes (batch,) do."""
    atom = tables.finished[state.build, classes]
    is_atom = atom != NOT_AN_ATOM
    bond, branch, digit = tables.bond[classes], tables.branch[classes], tables.digit[classes]
    is_digit = digit < NUM_DIGITS
    digit = torch.where(is_digit, digit, 0)
    is_open = state.is_open.gather(1, digit[:, None]).squeeze(1)
    is_live = at.live.gather(1, digit[:, None]).squeeze(1)
    bonded = classes >= tables.classes.range("bonded digit ").start
    aromatic = tables.is_aromatic[atom]
    joins = is_atom & aromatic & at.aromatic & ~state.explicit
    outside = is_atom & ~aromatic & ~state.taken
    return Taken(
        atom=atom,
        is_atom=is_atom,
        is_end=classes == tables.classes.index("end"),
        is_bond=bond > 0,
        is_branch=branch > 0,
        opens=is_digit & ~is_open,
        closes=is_digit & is_open,
        bond=bond + branch,
        explicit=tables.branch_explicit[classes],
        digit=digit,
        joins=joins,
        leaves=at.aromatic & ((bond > 0) | outside),
        aromatic_ring=is_digit & is_open & is_live & at.aromatic & ~bonded,
        ring_order=torch.where(bonded, state.ring_order, 1),
    )
