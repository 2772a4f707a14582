"""Taking a production: how the state of each row changes."""

from dataclasses import replace

import torch
from torch import Tensor

from models.molecules.classes import NUM_DIGITS
from models.molecules.device_tables import MoleculeTables
from models.molecules.looks import Look
from models.molecules.ring_systems import change_ring_systems
from models.molecules.state import CAPACITY, FIELDS, ID, RETURNED, MoleculeState
from models.molecules.taken import Taken, meaning


def take(state: MoleculeState, at: Look, classes: Tensor, tables: MoleculeTables) -> MoleculeState:
    """Return the state behind one more production in each row.

    Args:
        state: before it.
        at: its facts.
        classes: int64 (batch,), legal ones.
        tables: the tables.
    """
    taken = meaning(state, at, classes, tables)
    order = torch.where(at.aromatic, taken.bond.clamp(max=1), taken.bond)
    single = (taken.is_atom & ~state.taken) | taken.opens | taken.closes
    used = order + torch.where(taken.closes, taken.ring_order, single.long())
    atom = state.atom.clone()
    atom[:, CAPACITY] -= used
    state = change_ring_systems(replace(state, atom=atom), at, taken, tables)
    state = _change_digits(state, at, taken)
    state = _change_place(state, taken)
    waits = taken.is_bond | taken.is_branch
    building = tables.follows[state.build, classes]
    directed = tables.directed[classes]
    settles = taken.is_atom | taken.is_end | waits | directed
    ring_bond = classes - tables.classes.range("ring bond ").start + 1
    is_ring_bond = (ring_bond == 1) | (ring_bond == 2)
    return replace(
        state,
        build=building,
        order=torch.where(waits, taken.bond, torch.where(settles, 1, state.order)),
        explicit=torch.where(settles, taken.explicit | taken.is_bond, state.explicit),
        taken=torch.where(settles, waits, state.taken),
        directed=torch.where(settles, directed, state.directed),
        in_branch=torch.where(settles, taken.is_branch, state.in_branch),
        ring_order=torch.where(is_ring_bond, ring_bond, 1),
    )


def _change_digits(state: MoleculeState, at: Look, taken: Taken) -> MoleculeState:
    """Open or close a digit, and forget which may become aromatic when the chain leaves."""
    openers = state.openers
    here = torch.arange(NUM_DIGITS, device=openers.device) == taken.digit[:, None]
    opens, closes = here & taken.opens[:, None], here & taken.closes[:, None]
    same = openers[:, :, ID] == (openers[:, :, ID] * here).sum(1, keepdim=True)
    gone = taken.leaves[:, None] & at.live & at.own
    return replace(
        state,
        openers=torch.where(opens[:, :, None], state.atom[:, None, :], openers),
        is_open=(state.is_open | opens) & ~closes,
        is_live=(state.is_live | (opens & at.aromatic[:, None])) & ~closes & ~gone,
        is_bonded=state.is_bonded | (same & taken.closes[:, None]),
    )


def _change_place(state: MoleculeState, taken: Taken) -> MoleculeState:
    """Enter a branch, or go back to where it began."""
    level = state.level
    index = level[:, None, None].expand(-1, 1, FIELDS)
    back = state.branches.gather(1, index)[:, 0]
    returns = taken.is_end & (level > 0)
    inner = (index + 1).clamp(max=state.branches.shape[1] - 1)
    saved = torch.where(
        taken.is_branch[:, None, None], state.atom[:, None], state.branches.gather(1, inner)
    )
    return replace(
        state,
        atom=torch.where(returns[:, None], back, state.atom),
        parent=torch.where(returns, RETURNED, state.parent),
        branches=state.branches.scatter(1, inner, saved),
        level=level + taken.is_branch.long() - returns.long(),
    )
