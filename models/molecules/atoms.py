"""The atoms that legal decoding knows: how many bonds each takes, and what it adds to a ring.

An atom's capacity is the bond orders that it takes beside its own hydrogens. An aromatic atom's
capacity counts its sigma bonds alone: whether it also needs a double bond inside its ring is what
`matching.py` keeps track of.
"""

from dataclasses import dataclass
from itertools import product

HYDROGEN_COUNTS = (0, 1, 2, 3)
CHARGES = ("", "+", "-")
HALOGENS = ("F", "Cl", "Br", "I")
CHIRAL = ("C", "N", "S", "P")
"""Elements that may stand in a chiral centre."""

_CAPACITY = {"C": 4, "N": 3, "O": 2, "S": 6, "P": 5, "B": 3, "H": 1} | dict.fromkeys(HALOGENS, 1)
_CHARGED = {
    ("C", "+"): 3, ("C", "-"): 3, ("N", "+"): 4, ("N", "-"): 2, ("O", "+"): 3, ("O", "-"): 1,
    ("S", "+"): 3, ("S", "-"): 1, ("P", "+"): 4, ("B", "-"): 4,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Atom:
    """A kind of atom.

    Args:
        capacity: bond orders it takes; of an aromatic atom the sigma bonds.
        aromatic: whether it is part of an aromatic ring.
        exposed: it needs a double bond inside its ring, unless something below takes its place.
        third: a third sigma bond takes its place, as in pyrrole's nitrogen.
        outward: a double bond that leaves the ring takes its place, as in `c(=O)`.
    """

    capacity: int
    aromatic: bool = False
    exposed: bool = False
    third: bool = False
    outward: bool = False


AROMATIC = {
    ("c", 0, ""): Atom(capacity=3, aromatic=True, exposed=True, outward=True),
    ("n", 0, ""): Atom(capacity=3, aromatic=True, exposed=True, third=True),
    ("n", 1, ""): Atom(capacity=2, aromatic=True),
    ("n", 0, "-"): Atom(capacity=2, aromatic=True),
    ("n", 0, "+"): Atom(capacity=3, aromatic=True, exposed=True),
    ("n", 1, "+"): Atom(capacity=2, aromatic=True, exposed=True),
    ("o", 0, ""): Atom(capacity=2, aromatic=True),
    ("o", 0, "+"): Atom(capacity=2, aromatic=True, exposed=True),
    ("s", 0, ""): Atom(capacity=2, aromatic=True),
    ("s", 0, "+"): Atom(capacity=2, aromatic=True, exposed=True),
}
"""Aromatic atoms by symbol, hydrogens and charge."""


def all_atoms() -> dict[tuple[str, int, str], Atom]:
    """Return every atom by symbol, hydrogens and charge, as a bracket has them."""
    atoms = dict(AROMATIC)
    for symbol, count, charge in product(_CAPACITY, HYDROGEN_COUNTS, CHARGES):
        most = _CHARGED.get((symbol, charge)) if charge else _CAPACITY[symbol]
        if most is not None and most - count >= 0:
            atoms[symbol, count, charge] = Atom(capacity=most - count)
    return atoms
