"""What the state of a batch means for the next step: shared by what is legal and by taking it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.molecules.device_tables import NO_DEPTH, MoleculeTables
from models.molecules.matching import SLOTS
from models.molecules.openers import Openers, look_at_openers
from models.molecules.state import (
    CAPACITY,
    COMPONENT,
    DEPTH,
    ID,
    KIND,
    LEVEL,
    NONE,
    SLOT,
    MoleculeState,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """Facts of the atom at hand and its ring system, each (batch,) unless said otherwise.

    Args:
        aromatic: whether the atom is in a ring system.
        component: which, 0 where in none.
        word, uncovered, used, rigid: of that ring system.
        slot: the atom's, NONE where it has none.
        bit: of that slot.
        third: whether a third sigma bond settles the atom, and it lacks one or two.
        own: bool (batch, digits), digits that were opened in this chain and must be closed in it.
        live: bool (batch, digits), digits through which the ring system may still be closed.
        reach: smallest depth of the openers of these, NO_DEPTH where there are none.
        start: depth at which this chain's part of the ring system begins.
        pinned: whether the atom has an open digit.
        held: bits of the slots of other atoms of this chain that only a ring bond could satisfy.
        bonded: the word after one more single bond at the atom.
        openers: of the atoms at which digits were opened.
    """

    aromatic: Tensor
    component: Tensor
    word: Tensor
    uncovered: Tensor
    used: Tensor
    rigid: Tensor
    slot: Tensor
    bit: Tensor
    third: Tensor
    own: Tensor
    live: Tensor
    reach: Tensor
    start: Tensor
    pinned: Tensor
    held: Tensor
    bonded: Tensor
    openers: Openers


def look(state: MoleculeState, tables: MoleculeTables) -> Look:
    """Gather the facts."""
    atom, openers = state.atom, state.openers
    aromatic = atom[:, COMPONENT] >= 0
    component = atom[:, COMPONENT].clamp(min=0)
    slot = atom[:, SLOT]
    own = state.is_open & (openers[:, :, LEVEL] == state.level[:, None])
    live = state.is_live & (openers[:, :, COMPONENT] == atom[:, COMPONENT, None])
    word = _of(state.words, component)
    # The chain's part of the ring system begins behind the atom that the branch goes back to.
    back = state.branches.gather(1, state.level[:, None, None].expand(-1, 1, atom.shape[1]))[:, 0]
    inherited = (back[:, COMPONENT] == atom[:, COMPONENT]) & (state.level > 0)
    held = own & live & ~tables.is_outward[openers[:, :, KIND]]
    third = tables.is_third[atom[:, KIND]] & (slot != NONE)
    return Look(
        aromatic=aromatic,
        component=component,
        word=word,
        uncovered=_of(state.uncovered, component),
        used=_of(state.used, component),
        rigid=_of(state.rigid, component),
        slot=slot,
        bit=tables.words.bit(slot),
        third=third,
        own=own,
        live=live,
        reach=torch.where(live, openers[:, :, DEPTH], NO_DEPTH).amin(1),
        start=torch.where(inherited, back[:, DEPTH] + 1, 0),
        pinned=(state.is_open & (openers[:, :, ID] == atom[:, ID, None])).any(1),
        held=slot_bits(openers[:, :, SLOT], held),
        bonded=torch.where(
            third & (atom[:, CAPACITY] == 1), tables.words.satisfy(word, slot), word
        ),
        openers=look_at_openers(state, tables),
    )


def slot_bits(slots: Tensor, chosen: Tensor) -> Tensor:
    """Return the bits (batch,) of the slots (batch, n) that are chosen; slots may repeat."""
    places = torch.arange(SLOTS, device=slots.device)
    present = ((slots[:, :, None] == places) & chosen[:, :, None]).any(1)
    return (present << places).sum(1)


def _of(values: Tensor, component: Tensor) -> Tensor:
    return values.gather(1, component[:, None]).squeeze(1)
