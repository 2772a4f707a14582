"""How a production changes the aromatic ring systems, and the atom at hand."""

from dataclasses import dataclass, replace

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
    NONE,
    SLOT,
    MoleculeState,
)
from models.molecules.taken import Taken


@dataclass(frozen=True, kw_only=True, eq=False)
class _Closing:
    """The opener of the production's digit, each (batch,); see `openers.Openers`."""

    component: Tensor
    slot: Tensor
    last: Tensor
    settles: Tensor
    depth: Tensor
    aromatic: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class _Joining:
    """What becomes of the atom at hand and the next one in its ring system, each (batch,).

    Args:
        settled: whether the atom needs no double bond from here on, and gives up its slot.
        gone: whether it gets no more bonds.
        exposed: whether the next atom needs a double bond, if there is one.
        hands_on: whether that one takes the slot over.
        fresh: the slot of that one.
    """

    settled: Tensor
    gone: Tensor
    exposed: Tensor
    hands_on: Tensor
    fresh: Tensor


def change_ring_systems(
    state: MoleculeState, at: Look, taken: Taken, tables: MoleculeTables
) -> MoleculeState:
    """Return the state with the ring systems and the atom at hand behind the production."""
    closing = _closing(state, at, taken)
    joining = _joining(state, at, taken, tables)
    word = _word(state, at, taken, joining, tables)
    words = tables.words
    ring = taken.aromatic_ring
    word = torch.where(ring, words.join(word, closing.slot, at.slot), word)
    word = words.settle(word, torch.where(ring, closing.settles, 0))
    word = words.settle(word, torch.where(taken.leaves, _left_behind(state, at, tables), 0))
    freed = torch.where(joining.gone | joining.settled, at.bit, 0)
    freed |= torch.where(ring, closing.last, 0)
    place = torch.where(taken.joins & joining.exposed, 1 << joining.fresh, 0)
    rigid = torch.where(tables.is_rigid[taken.atom], place, 0)
    longer = torch.where(taken.joins, 1 << (state.atom[:, DEPTH] + 1).clamp(min=0), 0)
    uncovered = at.uncovered & torch.where(ring, tables.up_to[closing.depth], -1)
    state = _put(
        state,
        at.component,
        at.aromatic,
        words=word,
        uncovered=uncovered | longer,
        used=(at.used & ~freed) | place,
        rigid=(at.rigid & ~freed & ~place) | rigid,
    )
    state = _close(state, taken, closing, tables)
    state = _without_slot(state, joining.settled & at.aromatic)
    return _new_atom(state, at, taken, joining, tables)


def _closing(state: MoleculeState, at: Look, taken: Taken) -> _Closing:
    digit, openers = taken.digit[:, None], at.openers
    return _Closing(
        component=openers.component.gather(1, digit).squeeze(1),
        slot=openers.slot.gather(1, digit).squeeze(1),
        last=openers.last.gather(1, digit).squeeze(1),
        settles=openers.settles.gather(1, digit).squeeze(1),
        depth=state.openers[:, :, DEPTH].gather(1, digit).squeeze(1),
        aromatic=state.openers[:, :, COMPONENT].gather(1, digit).squeeze(1) >= 0,
    )


def _joining(state: MoleculeState, at: Look, taken: Taken, tables: MoleculeTables) -> _Joining:
    outward = (taken.bond == 2) & (taken.is_bond | taken.is_branch)
    # The capacity is reduced already: a branch or a digit makes a third bond certain.
    third = at.third & (state.atom[:, CAPACITY] == 1) & (taken.is_branch | taken.opens)
    gone = ((taken.joins & ~state.in_branch) | taken.leaves | taken.is_end) & ~at.pinned
    exposed = tables.is_exposed[taken.atom]
    hands_on = gone & taken.joins & exposed & ~state.directed & (at.slot != NONE)
    free = tables.free_slot[at.used & ~torch.where(gone, at.bit, 0)]
    return _Joining(
        settled=outward | third,
        gone=gone,
        exposed=exposed,
        hands_on=hands_on,
        fresh=torch.where(hands_on, at.slot, free),
    )


def _word(
    state: MoleculeState, at: Look, taken: Taken, joining: _Joining, tables: MoleculeTables
) -> Tensor:
    """Return the word of the ring system behind the bond and the atom, without ring bonds."""
    words = tables.words
    single = (taken.is_atom & ~state.taken) | ((taken.bond == 1) & taken.is_bond) | taken.closes
    word = torch.where(single, at.bonded, at.word)
    word = torch.where(joining.settled, words.satisfy(at.word, at.slot), word)
    # A directed bond is never double: the old atom is settled, and its slot is free.
    word = torch.where(joining.gone & ~joining.hands_on, words.settle(word, at.bit), word)
    alone = words.expose(word, joining.fresh)
    joined = words.join(alone, at.slot, joining.fresh)
    joined = torch.where(state.directed, alone, joined)
    joined = torch.where(joining.hands_on, words.flip(word, at.slot), joined)
    return torch.where(taken.joins & joining.exposed, joined, word)


def _left_behind(state: MoleculeState, at: Look, tables: MoleculeTables) -> Tensor:
    """Return bits of the slots that must not be exposed when the chain leaves the ring system."""
    stays = ~at.pinned | tables.is_outward[state.atom[:, KIND]]
    return at.held | torch.where(stays, 0, at.bit)


def _without_slot(state: MoleculeState, settled: Tensor) -> MoleculeState:
    """Give up the slot of the atom at hand, in some rows."""
    atom, openers = state.atom.clone(), state.openers.clone()
    same = settled[:, None] & (openers[:, :, ID] == atom[:, ID, None])
    atom[:, SLOT] = torch.where(settled, NONE, atom[:, SLOT])
    openers[:, :, SLOT] = torch.where(same, NONE, openers[:, :, SLOT])
    return replace(state, atom=atom, openers=openers)


def _new_atom(
    state: MoleculeState, at: Look, taken: Taken, joining: _Joining, tables: MoleculeTables
) -> MoleculeState:
    """Put the new atom in the place of the one at hand; it may begin a ring system."""
    old, is_atom = state.atom, taken.is_atom
    aromatic = tables.is_aromatic[taken.atom]
    begins = is_atom & aromatic & ~taken.joins
    # A double bond that leads there takes the place of one in the ring.
    needs = joining.exposed & (state.order != 2)
    first = needs.long() - 1
    component = torch.where(taken.joins, at.component, state.num_components)
    slot = torch.where(taken.joins, torch.where(joining.exposed, joining.fresh, NONE), first)
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
    state = _put(
        state,
        state.num_components.clamp(max=state.words.shape[1] - 1),
        begins,
        words=needs + 1,
        uncovered=torch.ones_like(order),
        used=needs.long(),
        rigid=(tables.is_rigid[taken.atom] & needs).long(),
    )
    return replace(
        state,
        atom=torch.where(is_atom[:, None], torch.stack(fields, 1), old),
        parent=torch.where(is_atom, old[:, ID], state.parent),
        num_atoms=state.num_atoms + is_atom,
        num_components=state.num_components + begins,
        is_bonded=state.is_bonded & ~is_atom[:, None],
    )


def _close(
    state: MoleculeState, taken: Taken, closing: _Closing, tables: MoleculeTables
) -> MoleculeState:
    """Change the ring system of the opener of a ring bond that is not aromatic."""
    outside = taken.closes & ~taken.aromatic_ring & closing.aromatic
    index = closing.component[:, None]
    word, words = state.words.gather(1, index).squeeze(1), tables.words
    word = torch.where(taken.ring_order == 2, words.satisfy(word, closing.slot), word)
    used = state.used.gather(1, index).squeeze(1) & ~closing.last
    settled = words.settle(word, closing.settles)
    return _put(state, closing.component, outside, words=settled, used=used)


def _put(state: MoleculeState, component: Tensor, where: Tensor, **values: Tensor) -> MoleculeState:
    """Replace values of one ring system in some rows."""
    index = component[:, None]
    changed = {}
    for name, value in values.items():
        old = getattr(state, name)
        kept = torch.where(where[:, None], value[:, None], old.gather(1, index))
        changed[name] = old.scatter(1, index, kept)
    return replace(state, **changed)
