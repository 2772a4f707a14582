"""Taking a production: how the state of each row changes."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.molecules.atom_tables import NOT_AN_ATOM
from models.molecules.classes import NUM_DIGITS
from models.molecules.device_tables import MoleculeTables
from models.molecules.looks import Look
from models.molecules.matching import Words
from models.molecules.ring_bonds import look_at_openers
from models.molecules.state import (
    CAPACITY,
    COMPONENT,
    DEPTH,
    FIELDS,
    ID,
    KIND,
    NONE,
    RETURNED,
    SLOT,
    MoleculeState,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Taken:
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


def take(
    state: MoleculeState, at: Look, classes: Tensor, tables: MoleculeTables, end: int
) -> MoleculeState:
    """Return the state behind one more production in each row.

    Args:
        state: before it.
        at: its facts.
        classes: int64 (batch,), legal ones.
        tables: the tables.
        end: number of the class that ends a chain.
    """
    taken = _meaning(state, at, classes, tables, end)
    order = torch.where(at.aromatic, taken.bond.clamp(max=1), taken.bond)
    single = (taken.is_atom & ~state.taken) | taken.opens | taken.closes
    used = order + torch.where(taken.closes, taken.ring_order, single.long())
    atom = state.atom.clone()
    atom[:, CAPACITY] -= used
    state = _change_rings(replace(state, atom=atom), at, taken, tables)
    state = _change_digits(state, at, taken)
    state = _change_place(state, taken, tables)
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


def _meaning(
    state: MoleculeState, at: Look, classes: Tensor, tables: MoleculeTables, end: int
) -> _Taken:
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
    return _Taken(
        atom=atom,
        is_atom=is_atom,
        is_end=classes == end,
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


def _change_rings(
    state: MoleculeState, at: Look, taken: _Taken, tables: MoleculeTables
) -> MoleculeState:
    """Change the words and bits of the ring systems that are concerned."""
    words = tables.words
    digit = taken.digit[:, None]
    openers = look_at_openers(state, tables)
    slot = openers.slot.gather(1, digit).squeeze(1)
    settles = openers.settles.gather(1, digit).squeeze(1)
    last = openers.last.gather(1, digit).squeeze(1)
    # What the bond does to the atom at hand.
    outward = (taken.bond == 2) & (taken.is_bond | taken.is_branch)
    single = (taken.is_atom & ~state.taken) | ((taken.bond == 1) & taken.is_bond) | taken.closes
    word = torch.where(single, at.bonded, at.word)
    third = at.third & (state.atom[:, CAPACITY] == 1) & (taken.is_branch | taken.opens)
    settled = outward | third
    word = torch.where(settled, words.satisfy(at.word, at.slot), word)
    # A new atom of the ring system, or a ring bond within it.
    gone = ((taken.joins & ~state.in_branch) | taken.leaves | taken.is_end) & ~at.pinned
    exposed = tables.is_exposed[taken.atom]
    hands_on = gone & taken.joins & exposed & ~state.directed & (at.slot != NONE)
    # A directed bond is never double: the old atom is settled, and its slot is free.
    word = torch.where(gone & ~hands_on, words.settle(word, at.bit), word)
    free = tables.free_slot[at.used & ~torch.where(gone, at.bit, 0)]
    fresh = torch.where(hands_on, at.slot, free)
    alone = words.expose(word, fresh)
    joined = torch.where(state.directed, alone, words.join(alone, at.slot, fresh))
    joined = torch.where(hands_on, words.flip(word, at.slot), joined)
    word = torch.where(taken.joins & exposed, joined, word)
    word = torch.where(taken.aromatic_ring, words.join(word, slot, at.slot), word)
    # What gets no more bonds.
    stays = taken.leaves & at.pinned & tables.is_outward[state.atom[:, KIND]]
    held = at.held | torch.where(at.pinned & ~stays, at.bit, 0)
    word = words.settle(word, torch.where(taken.leaves, held, 0))
    word = words.settle(word, torch.where(taken.aromatic_ring, settles, 0))
    freed = torch.where(gone | settled, at.bit, 0) | torch.where(taken.aromatic_ring, last, 0)
    depth = state.openers[:, :, DEPTH].gather(1, digit).squeeze(1)
    uncovered = at.uncovered & torch.where(taken.aromatic_ring, tables.up_to[depth], -1)
    longer = 1 << (state.atom[:, DEPTH] + 1).clamp(min=0)
    place = torch.where(taken.joins & exposed, 1 << fresh, 0)
    rigid = tables.is_rigid[taken.atom]
    state = _put(
        state,
        at.component,
        at.aromatic,
        words=word,
        uncovered=uncovered | torch.where(taken.joins, longer, 0),
        used=(at.used & ~freed) | place,
        rigid=(at.rigid & ~freed & ~place) | torch.where(rigid, place, 0),
    )
    component = openers.component.gather(1, digit).squeeze(1)
    state = _close(state, taken, component, slot, settles, last, words)
    begins = taken.is_atom & tables.is_aromatic[taken.atom] & ~taken.joins
    # A double bond that leads there takes the place of one in the ring.
    needs = exposed & (state.order != 2)
    ones = torch.ones_like(word)
    state = _put(
        state,
        state.num_components.clamp(max=state.words.shape[1] - 1),
        begins,
        words=torch.where(needs, 2, ones),
        uncovered=ones,
        used=needs.long(),
        rigid=(rigid & needs).long(),
    )
    state = _without_slot(state, settled & at.aromatic)
    component = torch.where(taken.joins, at.component, state.num_components)
    slot = torch.where(taken.joins, torch.where(exposed, fresh, NONE), needs.long() - 1)
    return _new_atom(state, taken, tables, component, slot, begins)


def _without_slot(state: MoleculeState, settled: Tensor) -> MoleculeState:
    """Give up the slot of the atom at hand, in some rows."""
    atom, openers = state.atom.clone(), state.openers.clone()
    same = settled[:, None] & (openers[:, :, ID] == atom[:, ID, None])
    atom[:, SLOT] = torch.where(settled, NONE, atom[:, SLOT])
    openers[:, :, SLOT] = torch.where(same, NONE, openers[:, :, SLOT])
    return replace(state, atom=atom, openers=openers)


def _new_atom(
    state: MoleculeState,
    taken: _Taken,
    tables: MoleculeTables,
    component: Tensor,
    slot: Tensor,
    begins: Tensor,
) -> MoleculeState:
    """Put the new atom in the place of the one at hand, where there is one."""
    old, is_atom = state.atom, taken.is_atom
    aromatic = tables.is_aromatic[taken.atom]
    order = torch.where(aromatic, state.order.clamp(max=1), state.order)
    fields = [
        state.num_atoms,
        tables.capacity[taken.atom] - order,
        torch.where(aromatic, component, NONE),
        torch.where(aromatic, slot, NONE),
        torch.where(aromatic, torch.where(taken.joins, old[:, DEPTH] + 1, 0), NONE),
        taken.atom,
        state.level,
    ]
    return replace(
        state,
        atom=torch.where(is_atom[:, None], torch.stack(fields, 1), old),
        parent=torch.where(is_atom, old[:, ID], state.parent),
        num_atoms=state.num_atoms + is_atom,
        num_components=state.num_components + begins,
        is_bonded=state.is_bonded & ~is_atom[:, None],
    )


def _close(
    state: MoleculeState,
    taken: _Taken,
    component: Tensor,
    slot: Tensor,
    settles: Tensor,
    last: Tensor,
    words: Words,
) -> MoleculeState:
    """Change the ring system of the opener of a ring bond that is closed from outside it."""
    opener = state.openers.gather(1, taken.digit[:, None, None].expand(-1, 1, FIELDS))[:, 0]
    outside = taken.closes & ~taken.aromatic_ring & (opener[:, COMPONENT] >= 0)
    word = state.words.gather(1, component[:, None]).squeeze(1)
    word = torch.where(taken.ring_order == 2, words.satisfy(word, slot), word)
    used = state.used.gather(1, component[:, None]).squeeze(1) & ~last
    return _put(state, component, outside, words=words.settle(word, settles), used=used)


def _put(state: MoleculeState, component: Tensor, where: Tensor, **values: Tensor) -> MoleculeState:
    """Replace values of one ring system in some rows."""
    index = component[:, None]
    changed = {}
    for name, value in values.items():
        old = getattr(state, name)
        kept = torch.where(where[:, None], value[:, None], old.gather(1, index))
        changed[name] = old.scatter(1, index, kept)
    return replace(state, **changed)


def _change_digits(state: MoleculeState, at: Look, taken: _Taken) -> MoleculeState:
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


def _change_place(state: MoleculeState, taken: _Taken, tables: MoleculeTables) -> MoleculeState:
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
