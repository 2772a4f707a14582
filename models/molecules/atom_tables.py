"""How a run of productions builds an atom, as tables: one step outside brackets, four inside."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.molecules.atoms import CHIRAL, Atom, all_atoms
from models.molecules.classes import Classes

OUTSIDE, OPENED = 0, 1
"""States of building: no bracket is open; one has just been opened."""
NOT_AN_ATOM = -1


@dataclass(frozen=True, kw_only=True)
class AtomTables:
    """Q states of building, C classes, A atoms.

    Args:
        follows: int64 (Q, C), state after a class, or OUTSIDE.
        finished: int64 (Q, C), the atom that a class completes, or NOT_AN_ATOM.
        plain: int64 (Q, C), highest capacity that a class can still lead to in an atom outside
            aromatic rings; as are the next ones, -1 where there is no such atom.
        exposed: in an aromatic atom that needs a double bond.
        settled: in an aromatic atom that needs none.
        outward: in an aromatic atom of which a double bond may leave the ring.
        atoms: the atoms, by number.
    """

    follows: NDArray[np.int64]
    finished: NDArray[np.int64]
    plain: NDArray[np.int64]
    exposed: NDArray[np.int64]
    settled: NDArray[np.int64]
    outward: NDArray[np.int64]
    atoms: tuple[Atom, ...]


def atom_tables(classes: Classes) -> AtomTables:
    """Build the tables."""
    known = all_atoms()
    paths = _paths(known)
    states = {"": OUTSIDE, "[": OPENED}
    numbers = {key: number for number, key in enumerate(known)}
    num_states = 2 + len({path[: place + 1] for path, _ in paths for place in (1, 2)})
    shape = (num_states, len(classes.names))
    follows = np.zeros(shape, np.int64)
    finished = np.full(shape, NOT_AN_ATOM)
    best = {name: np.full(shape, -1) for name in ("plain", "exposed", "settled", "outward")}
    for path, key in paths:
        state = OUTSIDE
        for place, name in enumerate(path):
            at = (state, classes.index(name))
            for kind in _kinds(known[key]):
                best[kind][at] = max(best[kind][at], known[key].capacity)
            if place == len(path) - 1:
                finished[at] = numbers[key]
                continue
            # A state is known by what stands in the bracket so far.
            state = states.setdefault("/".join(path[1 : place + 1]) or "[", len(states))
            follows[at] = state
    return AtomTables(follows=follows, finished=finished, atoms=tuple(known.values()), **best)


def _paths(atoms: dict[tuple[str, int, str], Atom]) -> list[tuple[tuple[str, ...], tuple]]:
    """Return the classes that lead to each atom, outside and inside brackets."""
    paths: list[tuple[tuple[str, ...], tuple]] = []
    for symbol, count, charge in atoms:
        key = (symbol, count, charge)
        if not count and not charge and symbol != "H":
            paths.append(((f"atom {symbol}",), key))
        for sign in ("", "@") if symbol in CHIRAL else ("",):
            inside = (f"element {symbol}", f"hydrogens {count}{sign}", f"charge {charge}")
            paths.append((("atom [", *inside), key))
    return paths


def _kinds(atom: Atom) -> list[str]:
    if not atom.aromatic:
        return ["plain"]
    kinds = ["exposed" if atom.exposed else "settled"]
    return [*kinds, "outward"] if atom.outward else kinds
