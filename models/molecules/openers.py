"""What closing each ring bond would leave of the ring system of the atom that opened it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.molecules.device_tables import NO_DEPTH, MoleculeTables
from models.molecules.state import COMPONENT, DEPTH, ID, SLOT, MoleculeState

_NOBODY = -9
"""A number that no atom has, nor what is not there."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Openers:
    """Of the atoms at which digits were opened, (batch, digits) each.

    Args:
        component: the ring system, 0 where in none.
        slot: there, NONE where it has none.
        last: bit of the slot where the atom gets no more bonds once the digit is closed, else 0.
        settles: bits of all slots of that ring system that must not be exposed then.
        missed: bits of its uncovered bonds that no other digit covers.
    """

    component: Tensor
    slot: Tensor
    last: Tensor
    settles: Tensor
    missed: Tensor


def look_at_openers(state: MoleculeState, tables: MoleculeTables) -> Openers:
    """Gather the facts."""
    openers = state.openers
    atom, component, slot = openers[:, :, ID], openers[:, :, COMPONENT], openers[:, :, SLOT]
    # Pairs of digits are symmetric; the first of a pair is reduced over, which is faster.
    others = ~torch.eye(atom.shape[1], dtype=torch.bool, device=atom.device)
    same_atom = (atom[:, :, None] == atom[:, None, :]) & (state.is_open[:, :, None] & others)
    # A branch will come back to it, and then it gets another bond.
    levels = torch.arange(state.branches.shape[1], device=atom.device)
    awaited = torch.where(levels <= state.level[:, None], state.branches[:, :, ID], _NOBODY)
    goes_back = awaited[:, :, None] == atom[:, None, :]
    last_bond = ~(same_atom.any(1) | goes_back.any(1))
    same_system = (component[:, :, None] == component[:, None, :]) & others
    depth = torch.where(state.is_live, openers[:, :, DEPTH], NO_DEPTH)
    reach = torch.where(same_system, depth[:, :, None], NO_DEPTH).amin(1)
    index = component.clamp(min=0)
    last = torch.where(last_bond, tables.words.bit(slot), 0)
    rigid = torch.where(reach == NO_DEPTH, state.rigid.gather(1, index), 0)
    return Openers(
        component=index,
        slot=slot,
        last=last,
        settles=last | rigid,
        missed=state.uncovered.gather(1, index) & tables.up_to[reach],
    )
