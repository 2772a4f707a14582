"""Texts that differ in characters which stand for one another, such as digits, are derived alike.

A character stands for another one if each is all that a production of the same nonterminal puts
down, and part of nothing else. A parser then takes the same way for both, to productions that
differ. Rows of generated data have few forms but for their digits, so most need no parser.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from models.grammar.grammar import Grammar

_MOST_FORMS = 1 << 16
"""How many are kept."""


class AlikeTexts:
    """Derives texts, each form of them once.

    Args:
        grammar: of the texts.
        parse: returns the derivation of a text; what it raises is passed on.
    """

    def __init__(self, grammar: Grammar, parse: Callable[[str], Sequence[int]]) -> None:
        self._parse = parse
        self._ids = interchangeable(grammar)
        first = next(iter(self._ids), "")
        self._to_first = str.maketrans(dict.fromkeys(self._ids, first))
        self._first_id = self._ids.get(first)
        self._forms: dict[str, tuple[list[int], list[int]]] = {}

    def derive(self, text: str) -> list[int]:
        """Return the derivation of a text."""
        form = text.translate(self._to_first)
        known = self._forms.get(form)
        if known is None:
            ids = list(self._parse(form))
            known = ids, [place for place, one in enumerate(ids) if one == self._first_id]
            if len(self._forms) < _MOST_FORMS:
                self._forms[form] = known
        ids, places = list(known[0]), known[1]
        # A left-most derivation puts down the characters from left to right.
        for place, one in zip(places, filter(self._ids.__contains__, text), strict=True):
            ids[place] = self._ids[one]
        return ids


def interchangeable(grammar: Grammar) -> Mapping[str, int]:
    """Return the largest set of characters that stand for one another, and their productions."""
    used = [symbol.text for production in grammar.productions for symbol in production.rhs
            if symbol.is_terminal]  # fmt: skip
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for number, production in enumerate(grammar.productions):
        text = "".join(symbol.text for symbol in production.rhs)
        is_alone = len(production.rhs) == 1 and production.rhs[0].is_terminal and len(text) == 1
        if is_alone and sum(text in other for other in used) == 1:
            found[production.lhs][text] = number
    return max(found.values(), key=len, default={})
