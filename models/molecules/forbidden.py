"""Why a derivation in the grammar is a molecule that legal decoding never gives."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from models.grammar.decoding import DeviceTables, legal_along, steps_allowed
from models.grammar.grammar import Grammar
from models.grammar.masks import tables
from models.molecules.classes import NUM_DIGITS, Classes, classes_of
from models.molecules.machine import MoleculeMachine

UNCLOSED = "ring bonds that are not closed"
MISPLACED = "ring bonds to a neighbour, or into a branch that has ended"
OVERFULL = (
    "atoms with more bonds than they take, or aromatic ones in no ring with a Kekule structure"
)
_BY_TEXT = {
    ".": "parts side by side (.)",
    "*": "unknown atoms (*)",
    "$": "fourfold bonds ($)",
    "<NUMBER><ELEMENT>": "isotopes",
    ":<NUMBER>": "atom classes",
    ":": "aromatic bonds written out (:)",
    "%": f"ring bonds 0 and beyond {NUM_DIGITS}",
}
"""What a production holds that never is taken, whichever nonterminal it replaces."""
_BY_SIDE = {
    "ELEMENT": "metals and other elements than H B C N O P S F Cl Br I, and aromatic b and p",
    "HYDROGENS": "more than three hydrogens, or chirality other than @ and @@",
    "CHARGE": "charges beyond + and -",
}
_OTHERWISE = {
    "b": _BY_SIDE["ELEMENT"],
    "p": _BY_SIDE["ELEMENT"],
    "0": _BY_TEXT["%"],
    "9": _BY_TEXT["%"],
}
ROWS_AT_ONCE = 512
"""Whose bonds are looked at together."""


def kinds_of_never(grammar: Grammar, classes: Classes) -> dict[int, str]:
    """Return what each production stands for that is never taken, in words, by its id."""
    kinds = {}
    for number, production in enumerate(grammar.productions):
        if classes.of[number] != len(classes.names) - 1:
            continue
        text = "".join(s.text if s.is_terminal else f"<{s.text}>" for s in production.rhs)
        found = [kind for part, kind in _BY_TEXT.items() if part in text]
        found += [_OTHERWISE[text[0]]] if text[:1] in _OTHERWISE else []
        found += [_BY_SIDE[production.lhs]] if production.lhs in _BY_SIDE else []
        kinds[number] = (found or ["directed, triple or fourfold bonds that close a ring"])[0]
    return kinds


def forbidden_for_productions(ids: NDArray[np.integer], grammar: Grammar) -> dict[int, str]:
    """Return rows of ids (rows, time), pad -1, that hold what is never taken, and its kind."""
    kinds = kinds_of_never(grammar, classes_of(grammar))
    # Parts of a number are named by the production that has the number in it.
    sides = [production.lhs for production in grammar.productions]
    named = [n for n in kinds if not sides[n].startswith(("NUMBER", "DIGIT", "UP_TO", "HYDROGEN_"))]
    is_never = np.zeros(grammar.num_productions + 1, bool)  # the last one is padding's
    is_never[named] = True
    found = is_never[ids]
    rows = np.flatnonzero(found.any(axis=1))
    return {int(row): kinds[int(ids[row, found[row].argmax()])] for row in rows}


def forbidden_for_structure(ids: NDArray[np.integer], grammar: Grammar) -> Iterator[dict[int, str]]:
    """Yield, some rows of ids (rows, time) at a time, those whose bonds are not legal, and why."""
    machine, on_cpu = MoleculeMachine(grammar, "cpu"), DeviceTables.build(tables(grammar), "cpu")
    classes = classes_of(grammar)
    for start in range(0, len(ids), ROWS_AT_ONCE):
        rows = torch.as_tensor(np.array(ids[start : start + ROWS_AT_ONCE])).long()
        allowed = legal_along(rows, on_cpu, ids.shape[1], machine)
        refused = ~steps_allowed(rows, allowed)
        yield {
            start + row: _why(rows[row].numpy(), int(refused[row].int().argmax()), classes)
            for row in refused.any(1).nonzero().flatten().tolist()
        }


def _why(ids: NDArray[np.int64], step: int, classes: Classes) -> str:
    """Return why a row is forbidden whose step is the first that is not allowed."""
    names = [classes.names[classes.of[production]] for production in ids[ids >= 0]]
    digits = [name.split()[-1] for name in names if "digit " in name]
    if any(digits.count(digit) % 2 for digit in digits):
        return UNCLOSED
    return MISPLACED if "digit " in names[step] or "ring bond " in names[step] else OVERFULL
