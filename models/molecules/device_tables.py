"""The machine's tables as tensors on a device."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.grammar.grammar import Grammar
from models.molecules.atom_tables import atom_tables
from models.molecules.classes import NUM_DIGITS, Classes, classes_of
from models.molecules.matching import SLOTS, Words
from models.molecules.state import MAX_DEPTH

NO_DEPTH = MAX_DEPTH + 2
"""Stands for the depth of what is not there."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MoleculeTables:
    """Q states of building, C classes, A atoms, P productions.

    Args:
        classes: names and numbers of the classes.
        class_of: (P,), as are the next four (C,).
        bond: order of a bond in the chain that is no part of an aromatic ring, else 0.
        directed: whether it is such a bond or one in an aromatic ring: `/` or a backslash.
        branch: order of the bond into a branch, else 0.
        branch_explicit: whether it is written.
        digit: number of the digit, else NUM_DIGITS.
        follows, finished, plain, exposed, settled, outward: (Q, C), see `atom_tables.py`.
        capacity, is_aromatic, is_exposed, is_third, is_outward, is_rigid: (A + 1,), of the atoms;
            the last is none of all.
        up_to: (MAX_DEPTH + 3,), bits of the bonds that a ring bond to a depth does not cover.
        free_slot: (2^SLOTS,), first slot that is free.
        num_used: (2^SLOTS,), slots in use.
        words: operations on words.
    """

    classes: Classes
    class_of: Tensor
    bond: Tensor
    directed: Tensor
    branch: Tensor
    branch_explicit: Tensor
    digit: Tensor
    follows: Tensor
    finished: Tensor
    plain: Tensor
    exposed: Tensor
    settled: Tensor
    outward: Tensor
    capacity: Tensor
    is_aromatic: Tensor
    is_exposed: Tensor
    is_third: Tensor
    is_outward: Tensor
    is_rigid: Tensor
    up_to: Tensor
    free_slot: Tensor
    num_used: Tensor
    words: Words


def device_tables(grammar: Grammar, device: torch.device) -> MoleculeTables:
    """Build the tables of a grammar."""

    def on_device(values: object) -> Tensor:
        return torch.as_tensor(values, device=device)

    classes = classes_of(grammar)
    building = atom_tables(classes)
    atoms = building.atoms
    names = classes.names
    subsets = range(1 << SLOTS)
    depths = range(1, MAX_DEPTH + 2)
    up_to = [(2 << depth) - 1 for depth in depths]
    return MoleculeTables(
        classes=classes,
        class_of=on_device(classes.of),
        bond=on_device([int(n[5:]) if n.startswith("bond ") else 0 for n in names]),
        directed=on_device([n == "bond 0" for n in names]),
        branch=on_device([max(1, int(n[7:])) if n.startswith("branch ") else 0 for n in names]),
        branch_explicit=on_device([n.startswith("branch ") and n != "branch 0" for n in names]),
        digit=on_device([int(n.split()[-1]) - 1 if "digit " in n else NUM_DIGITS for n in names]),
        follows=on_device(building.follows),
        finished=on_device(building.finished),
        plain=on_device(building.plain),
        exposed=on_device(building.exposed),
        settled=on_device(building.settled),
        outward=on_device(building.outward),
        capacity=on_device([*(atom.capacity for atom in atoms), 0]),
        is_aromatic=on_device([*(atom.aromatic for atom in atoms), False]),
        is_exposed=on_device([*(atom.exposed for atom in atoms), False]),
        is_third=on_device([*(atom.third for atom in atoms), False]),
        is_outward=on_device([*(atom.outward for atom in atoms), False]),
        is_rigid=on_device(
            [*(atom.exposed and not (atom.third or atom.outward) for atom in atoms), False]
        ),
        # A ring bond to the first atom of a ring system covers that atom, too.
        up_to=on_device([0, *up_to, -1]),
        free_slot=on_device(
            [next((s for s in range(SLOTS) if not m >> s & 1), 0) for m in subsets]
        ),
        num_used=on_device([m.bit_count() for m in subsets]),
        words=Words(device),
    )
