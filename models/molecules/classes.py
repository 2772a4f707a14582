"""Productions of the grammar `smiles` by what they do to a molecule: the classes of the machine.

Productions of one class are legal at the same time. Those without a class are never taken: `.`
between parts, `:`, isotopes, atom classes, `*`, ring bonds beyond 8, metals. A grammar with
`constraints: molecules` names its nonterminals as `smiles` does.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.grammar.grammar import Grammar
from models.molecules.atoms import CHARGES, HALOGENS, HYDROGEN_COUNTS, all_atoms

NUM_DIGITS = 8
_BONDS = {"/": 0, "\\": 0, "-": 1, "=": 2, "#": 3}
_BRANCH_BONDS = _BONDS | {"": 0, "/": 1, "\\": 1}
_ORGANIC = ("C", "N", "O", "S", "P", "B", *HALOGENS, "c", "n", "o", "s")
_BRACKET = "[<ELEMENT><HYDROGENS><CHARGE>]<AFTER>"
_PLACES = ("ATOM", "AFTER", "BRANCHED")
_NEEDED = {
    "end": "AFTER ->",
    "atom C": "'C' AFTER",
    "atom c": "'c' AFTER",
    "bond 2": "AFTER -> '=' ATOM",
    "ring bond 1": "AFTER -> '-' RING AFTER",
    "ring bond 2": "AFTER -> '=' RING AFTER",
}
_SIGNS = {"": "", "+": "+", "-": "-", "+1": "+", "-1": "-"}


@dataclass(frozen=True, kw_only=True)
class Classes:
    """The classes of a grammar's productions.

    Args:
        names: of the classes; the last one is never legal.
        of: int64 (productions,), class of each production.
    """

    names: tuple[str, ...]
    of: NDArray[np.int64]

    def index(self, name: str) -> int:
        """Return the number of a class."""
        return self.names.index(name)

    def range(self, prefix: str) -> slice:
        """Return where the classes stand whose names begin so; they are neighbours."""
        found = [place for place, name in enumerate(self.names) if name.startswith(prefix)]
        return slice(found[0], found[-1] + 1)


def class_names() -> tuple[str, ...]:
    r"""Return the names of all classes.

    Bond 0 is `/` or `\`, which is a single bond, but may lie in an aromatic ring; branch 0 begins
    without a sign.
    """
    digits = range(1, NUM_DIGITS + 1)
    symbols = dict.fromkeys(symbol for symbol, _, _ in all_atoms())
    return (
        "end",
        *(f"bond {order}" for order in (0, 1, 2, 3)),
        *(f"branch {order}" for order in (0, 1, 2, 3)),
        *(f"ring bond {order}" for order in (1, 2)),
        *(f"digit {digit}" for digit in digits),
        *(f"bonded digit {digit}" for digit in digits),
        *(f"atom {symbol}" for symbol in (*_ORGANIC, "[")),
        *(f"element {symbol}" for symbol in symbols),
        *(f"hydrogens {count}{sign}" for count in HYDROGEN_COUNTS for sign in ("", "@")),
        *(f"charge {sign}" for sign in CHARGES),
        "never",
    )


def classes_of(grammar: Grammar) -> Classes:
    """Sort the productions of a grammar into classes.

    Raises:
        UserError: it lacks productions without which not every molecule can be completed.
    """
    names = class_names()
    index = {name: number for number, name in enumerate(names)}
    found = []
    for production in grammar.productions:
        text = "".join(
            symbol.text if symbol.is_terminal else f"<{symbol.text}>" for symbol in production.rhs
        )
        found.append(index.get(_class_of(production.lhs, text) or "never", len(names) - 1))
    missing = [name for name in _NEEDED if index[name] not in found]
    if missing:
        needed = " and ".join(_NEEDED[name] for name in missing)
        raise UserError(
            f"grammar {grammar.name}: constraints: molecules needs {needed}: add them as the "
            "grammar smiles has them, or leave constraints out"
        )
    return Classes(names=names, of=np.array(found, dtype=np.int64))


def _class_of(side: str, text: str) -> str | None:
    """Return the class of a production by its left and right side, or None."""
    if side in _PLACES:
        return _class_of_place(text)
    if side == "RING":
        return f"bonded digit {text}"
    if side == "ELEMENT":
        return f"element {text}"
    if side == "HYDROGENS":
        chiral = "@" if text.startswith("@") else ""
        count = text.lstrip("@")
        return f"hydrogens {count.removeprefix('H') or '01'[len(count)]}{chiral}"
    if side == "CHARGE" and text in _SIGNS:
        return f"charge {_SIGNS[text]}"
    return None


def _class_of_place(text: str) -> str | None:
    """Return the class of what may stand where an atom may stand."""
    if text in ("", _BRACKET):
        return "atom [" if text else "end"
    if text.startswith("("):
        sign = text[1:].split("<", maxsplit=1)[0]
        return f"branch {_BRANCH_BONDS[sign]}" if sign in _BRANCH_BONDS else None
    sign = text[0]
    if text == f"{sign}<ATOM>" and sign in _BONDS:
        return f"bond {_BONDS[sign]}"
    if text == f"{sign}<RING><AFTER>" and sign in "-=":
        return f"ring bond {_BONDS[sign]}"
    head = text.removesuffix("<AFTER>")
    return f"digit {head}" if head.isdigit() else f"atom {head}"
