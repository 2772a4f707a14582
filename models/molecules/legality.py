"""Which classes of productions are legal next, and one that leads to the end.

A step is legal when the molecule can still be completed behind it. The argument: the atom that a
branch goes back to always keeps capacity, and so does the atom at hand while its chain has digits
to close. A chain of carbons can then close every digit. Aromatic carbons close those of a ring
system: with each one more, the last is exposed or not in turn, so that a few of them always fit a
Kekule structure.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.molecules.classes import NUM_DIGITS
from models.molecules.device_tables import MoleculeTables
from models.molecules.looks import Look
from models.molecules.matching import SLOTS
from models.molecules.ring_bonds import RingBonds, ring_bonds
from models.molecules.state import (
    CAPACITY,
    COMPONENTS,
    DEPTH,
    KIND,
    LEVELS,
    MAX_DEPTH,
    RETURNED,
    MoleculeState,
)

_NEVER = 99
"""A capacity that no atom has."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Leaving:
    """Bool (batch,): whether the chain may leave the ring system, by which bond."""

    single: Tensor
    double: Tensor


def legal_classes(state: MoleculeState, at: Look, tables: MoleculeTables) -> Tensor:
    """Return bool (batch, classes): what is legal, whichever nonterminal is open."""
    rings = ring_bonds(state, at, tables)
    leaving = _leaving(state, at, tables)
    joining = _joining(state, at, tables)
    building = _atoms(state, at, leaving, joining, tables)
    building[:, tables.classes.index("end")] = _end(state, at, tables)
    for name, columns in (
        ("bond ", _bonds(state, at, leaving, joining[1], tables)),
        ("branch ", _branches(state, at, tables)),
        ("ring bond ", torch.stack([rings.single.any(1), rings.double.any(1)], 1)),
        ("digit ", rings.unwritten | _opening(state, at, tables)),
        ("bonded digit ", _bonded(state, rings)),
    ):
        building[:, tables.classes.range(name)] = columns
    return building


def _bonded(state: MoleculeState, rings: RingBonds) -> Tensor:
    return torch.where(state.ring_order[:, None] == 2, rings.double, rings.single)


def _leaving(state: MoleculeState, at: Look, tables: MoleculeTables) -> _Leaving:
    """Tell whether all of the ring system in this chain is complete when the chain leaves it.

    Atoms with an open digit may go on being exposed where a double ring bond can satisfy them.
    """
    words = tables.words
    outward = tables.is_outward[state.atom[:, KIND]]
    covered = (at.uncovered >> at.start) == 0
    settles = at.held | torch.where(at.pinned & outward, 0, at.bit)
    fits = words.settle(at.bonded, settles) != 0
    fits_double = words.settle(words.satisfy(at.word, at.slot), at.held) != 0
    return _Leaving(single=~at.aromatic | (covered & fits), double=outward & covered & fits_double)


def _end(state: MoleculeState, at: Look, tables: MoleculeTables) -> Tensor:
    covered = (at.uncovered >> at.start) == 0
    complete = covered & (tables.words.settle(at.word, at.bit) != 0)
    goes_on = state.parent == RETURNED  # else the branch would have been the chain
    return ~at.own.any(1) & ~goes_on & (~at.aromatic | complete)


def _bonds(
    state: MoleculeState, at: Look, leaving: _Leaving, joins: Tensor, tables: MoleculeTables
) -> Tensor:
    capacity = state.atom[:, CAPACITY]
    return torch.stack(
        [
            (capacity >= 1) & (leaving.single | joins),
            (capacity >= 1) & leaving.single,
            torch.where(at.aromatic, (capacity >= 1) & leaving.double, capacity >= 2),
            ~at.aromatic & (capacity >= 3),
        ],
        dim=1,
    )


def _branches(state: MoleculeState, at: Look, tables: MoleculeTables) -> Tensor:
    """Tell which branches may be opened: one bond must be left for what follows them."""
    capacity = state.atom[:, CAPACITY]
    unsettled = (_settled_by_three(state, at, tables) != 0) | ~at.aromatic
    covered = (at.uncovered & tables.up_to[at.reach]) == 0
    room = state.level < LEVELS - 1
    room &= ~at.aromatic | (covered & _can_stay(at, tables))
    satisfied = tables.words.satisfy(at.word, at.slot) != 0
    outward = tables.is_outward[state.atom[:, KIND]] & satisfied & (capacity >= 2)
    single = room & (capacity >= 2) & unsettled
    return torch.stack(
        [
            single,
            single,
            room & torch.where(at.aromatic, outward, capacity >= 3),
            room & ~at.aromatic & (capacity >= 4),
        ],
        dim=1,
    )


def _can_stay(at: Look, tables: MoleculeTables) -> Tensor:
    """Tell whether the atom's slot may be kept: the next atom needs a free one."""
    return tables.num_used[at.used] < SLOTS


def _settled_by_three(state: MoleculeState, at: Look, tables: MoleculeTables) -> Tensor:
    """Return the word after a bond behind which another one is certain to follow."""
    third = at.third & (state.atom[:, CAPACITY] == 2)
    return torch.where(third, tables.words.satisfy(at.word, at.slot), at.word)


def _opening(state: MoleculeState, at: Look, tables: MoleculeTables) -> Tensor:
    stays = _can_stay(at, tables) & (_settled_by_three(state, at, tables) != 0)
    may = (state.atom[:, CAPACITY] >= 2) & (~at.aromatic | stays)
    return ~state.is_open & may[:, None]


def _atoms(
    state: MoleculeState,
    at: Look,
    leaving: _Leaving,
    joining: tuple[Tensor, Tensor],
    tables: MoleculeTables,
) -> Tensor:
    """Return bool (batch, classes): where a class leads to an atom that fits the bond to it."""
    order = state.order
    bonds = state.taken | (state.atom[:, CAPACITY] >= 1)
    outside = bonds & (state.taken | leaving.single)
    fresh = outside & (~at.aromatic | state.explicit) & (state.num_components < COMPONENTS)
    fresh &= state.is_open.sum(1) < NUM_DIGITS
    single = fresh & (order <= 1)
    exposed, settled = joining[0] & bonds, joining[1] & bonds
    # Each atom of a ring system has two bonds in it beside the one that led there.
    first = torch.where(single, order + 2, _NEVER)
    build = state.build
    need = order + at.own.any(1)
    return (
        (tables.plain[build] >= torch.where(outside, need, _NEVER)[:, None])
        | (tables.exposed[build] >= torch.where(exposed, 2, first)[:, None])
        | (tables.settled[build] >= torch.where(settled, 2, first)[:, None])
        | (tables.outward[build] >= torch.where(fresh & (order == 2), 3, _NEVER)[:, None])
    )


def _joining(state: MoleculeState, at: Look, tables: MoleculeTables) -> tuple[Tensor, Tensor]:
    """Tell whether an exposed and a settled atom may go on in the ring system."""
    words = tables.words
    goes_on = at.aromatic & ~state.explicit & (at.live.any(1))
    goes_on &= (at.uncovered & tables.up_to[at.reach]) == 0
    goes_on &= state.atom[:, DEPTH] < MAX_DEPTH
    goes_on &= ~(state.in_branch & tables.is_rigid[state.atom[:, KIND]])
    word = torch.where(state.taken, at.word, at.bonded)
    leaves = torch.where(state.in_branch | at.pinned, 0, at.bit)
    settled = goes_on & (words.settle(word, leaves) != 0)
    # An undirected bond to an exposed atom fits always: it may be double.
    return torch.where(state.directed, settled, goes_on & (word != 0)), settled
