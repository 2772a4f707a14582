"""Random constants: numbers and texts, rarely ones that have to be spelled."""

import itertools
import random

from models.programs.data.drafts import Scope, choose, constant
from models.programs.data.expression_weights import INTS, TEXTS, WORDS
from models.programs.data.human_weights import HUMAN_SPELLED, LETTERS, LONG_TEXTS
from models.programs.language.tree import Node

_SPELLED = 0.03
"""Share of constants that have no production of their own."""


def some_number(rng: random.Random) -> Node:
    """Return a constant, rarely one that has to be spelled."""
    return constant(rng.randint(11, 999) if rng.random() < _SPELLED else choose(rng, INTS))


_FLOATS = {0.5: 3.0, 1.0: 3.0, 2.0: 4.0, 0.0: 1.0, 10.0: 1.0, 100.0: 1.0, 1.5: 0.5, 0.1: 0.5}


def some_float(rng: random.Random) -> Node:
    """Return a constant; a third of them have a digit or two behind the point, as 3.7 has."""
    if rng.random() < 0.33:
        return constant(round(rng.uniform(0, rng.choice((1, 5, 50))), rng.choice((1, 1, 2))))
    return constant(rng.choices(tuple(_FLOATS), tuple(_FLOATS.values()))[0])


def some_text(scope: Scope) -> Node:
    """Return a constant, rarely one that has to be spelled."""
    rng = scope.rng
    if scope.draft.style == "human" and rng.random() < HUMAN_SPELLED:
        letters = rng.choice(LETTERS)
        if rng.random() < LONG_TEXTS:
            return constant(_long_text(rng))
        return constant("".join(rng.choice(letters) for _ in range(rng.choice((1, 1, 2, 3, 5)))))
    return constant(rng.choice(WORDS) if rng.random() < _SPELLED else choose(rng, TEXTS))


def _long_text(rng: random.Random) -> str:
    """Return an alphabet, a part of one, or a few words."""
    letters = rng.choice(LETTERS[:2])
    if rng.random() < 0.5:
        return letters[: rng.choice((5, 7, 10, 26, 26))]
    words = ("".join(rng.choice(LETTERS[0]) for _ in range(rng.randint(2, 7))) for _ in range(9))
    return " ".join(itertools.islice(words, rng.randint(1, 4)))
