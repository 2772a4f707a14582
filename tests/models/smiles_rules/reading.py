"""A slow reading of SMILES, written for the tests alone: whether a molecule is legal."""

import re
from collections import defaultdict

from models.molecules.atoms import all_atoms

_TOKEN = re.compile(r"\[([A-Za-z][a-z]?)(@{0,2})(H\d?)?([+-]?1?)\]|(Cl|Br|[A-Zcnos])|(\d)|(.)")
_ORDERS = {"-": 1, "/": 1, "\\": 1, "=": 2, "#": 3}


def mistake_in(text):
    """Return what is wrong with a molecule, or None."""
    try:
        atoms, bonds = _read(text)
    except ValueError as error:
        return str(error)
    for number, atom in enumerate(atoms):
        orders = bonds[number].values()
        if (len(orders) if atom.aromatic else sum(order or 1 for order in orders)) > atom.capacity:
            return f"{text}: atom {number} has too many bonds"
    return _rings_mistake(text, atoms, bonds)


def _read(text):
    """Return the atoms and for each its neighbours with the orders of the bonds, 0 aromatic."""
    known, atoms, bonds = all_atoms(), [], defaultdict(dict)
    open_digits, branches, at, sign = {}, [], None, ""

    def bond(one, other, sign):
        if one == other or other in bonds[one]:
            raise ValueError(f"{text}: a second bond between {one} and {other}")
        both = atoms[one].aromatic and atoms[other].aromatic
        order = _ORDERS.get(sign, 0 if both else 1)
        bonds[one][other] = bonds[other][one] = order

    for found in _TOKEN.finditer(text):
        symbol, _, hydrogens, charge, plain, digit, other = found.groups()
        if symbol or plain:
            count = 0 if not hydrogens else int(hydrogens[1:] or 1)
            atoms.append(known[(symbol or plain, count, (charge or "")[:1])])
            if at is not None:
                bond(at, len(atoms) - 1, sign)
            at, sign = len(atoms) - 1, ""
        elif digit and digit in open_digits:
            bond(open_digits.pop(digit), at, sign)
            sign = ""
        elif digit:
            open_digits[digit] = at
        elif other == "(":
            branches.append(at)
        elif other == ")":
            at = branches.pop()
        else:
            sign = other
    if open_digits:
        raise ValueError(f"{text}: digits {sorted(open_digits)} are open")
    return atoms, bonds


def _rings_mistake(text, atoms, bonds):
    """Tell of aromatic atoms outside rings and of rings without a Kekule structure."""
    exposed = set()
    for number, atom in enumerate(atoms):
        if not atom.aromatic:
            continue
        inside = [n for n in bonds[number] if atoms[n].aromatic]
        if not any(_in_ring(number, other, bonds) for other in inside):
            return f"{text}: aromatic atom {number} lies in no ring"
        outward = any(order == 2 for order in bonds[number].values())
        settled = (outward and atom.outward) or (atom.third and len(bonds[number]) == 3)
        if atom.exposed and not settled:
            exposed.add(number)
    return None if _matches(exposed, bonds) else f"{text}: no Kekule structure"


def _in_ring(one, other, bonds):
    """Tell whether two neighbours are joined by another way, too."""
    seen, pending = {one}, [n for n in bonds[one] if n != other]
    while pending:
        here = pending.pop()
        if here == other:
            return True
        if here not in seen:
            seen.add(here)
            pending.extend(bonds[here])
    return False


def _matches(exposed, bonds):
    """Tell whether aromatic bonds pair all exposed atoms, by trying."""
    if not exposed:
        return True
    partners = {
        a: [b for b, order in bonds[a].items() if order == 0 and b in exposed] for a in exposed
    }
    one = min(exposed, key=lambda atom: len(partners[atom]))
    return any(_matches(exposed - {one, other}, bonds) for other in partners[one])
