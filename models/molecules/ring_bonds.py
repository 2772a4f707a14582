"""Which digits may close their ring bond at the atom at hand."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.molecules.device_tables import MoleculeTables
from models.molecules.looks import Look
from models.molecules.state import (
    CAPACITY,
    COMPONENT,
    DEPTH,
    ID,
    KIND,
    MoleculeState,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class RingBonds:
    """Bool (batch, digits): which digits may be closed without a bond sign, by `-` and by `=`."""

    unwritten: Tensor
    single: Tensor
    double: Tensor


def ring_bonds(state: MoleculeState, at: Look, tables: MoleculeTables) -> RingBonds:
    """Return which digits may be closed here."""
    atom, openers, words = state.atom, state.openers, tables.words
    of = at.openers
    opener_aromatic = openers[:, :, COMPONENT] >= 0
    apart = (openers[:, :, ID] != atom[:, ID, None]) & (openers[:, :, ID] != state.parent[:, None])
    may = state.is_open & apart & ~state.is_bonded
    others = (at.own.sum(1)[:, None] - at.own.long()) > 0  # must be closed in this chain, too
    left = (atom[:, CAPACITY] - 1)[:, None]
    bit = at.bit[:, None]
    # A single bond, mostly to another ring system: each has a word of its own.
    word = state.words.gather(1, of.component)
    in_rings = (at.uncovered >> at.start) == 0
    same = openers[:, :, COMPONENT] == atom[:, COMPONENT, None]
    settles = of.settles | torch.where(same & (left == 0), bit, 0)
    after = words.settle(torch.where(same, at.bonded[:, None], word), settles)
    # An atom that a third bond settles must not have a double one when the chain has to go on.
    third = (at.third[:, None] & (left == 1)) & (others | ~in_rings[:, None])
    after = torch.where(third & same, words.satisfy(after, at.slot[:, None]), after)
    opener_fine = ~opener_aromatic | ((after != 0) & (of.missed == 0))
    done = in_rings & (words.settle(at.bonded, at.bit) != 0)
    closed_here = ~at.aromatic[:, None] | done[:, None]
    turned = third & (words.satisfy(at.bonded, at.slot) == 0)[:, None]
    goes_on = (left > 0) & (~at.aromatic | (at.bonded != 0))[:, None] & ~turned
    # The first atom of a ring system has to open a digit of its own, and to go on.
    rootless = at.aromatic & ((at.uncovered & tables.up_to[at.reach]) != 0)
    goes_on &= (left > 1) | ~rootless[:, None]
    here_fine = goes_on | ((left == 0) & ~others & closed_here)
    single = may & opener_fine & here_fine
    # An aromatic bond covers the path between and may be double.
    joined = words.join(at.bonded[:, None], of.slot, at.slot[:, None])
    settled = words.settle(joined, of.settles | torch.where(left == 0, bit, 0))
    uncovered = tables.up_to[openers[:, :, DEPTH]]
    covered = ((at.uncovered[:, None] & uncovered) >> at.start[:, None]) == 0
    aromatic = may & at.live & (settled != 0) & ((of.missed & uncovered) == 0) & (left >= 0)
    third = at.third[:, None] & (left == 1) & (others | ~covered)
    aromatic &= ~third | (words.satisfy(settled, at.slot[:, None]) != 0)
    aromatic &= (left > 0) | (covered & ~others)
    both = at.aromatic[:, None] & opener_aromatic
    fixed = words.satisfy(word, of.slot)
    double = may & opener_aromatic & ~at.aromatic[:, None] & tables.is_outward[openers[:, :, KIND]]
    double &= (
        (left - 1 >= others.long()) & (words.settle(fixed, of.settles) != 0) & (of.missed == 0)
    )
    return RingBonds(
        unwritten=torch.where(both, aromatic, single), single=single & both, double=double
    )
