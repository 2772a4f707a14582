"""Which examples the search looks at, and which constants it takes from them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from models.programs.execution.example_text import Example
from models.programs.language.kinds import language

_LARGE = 60
"""Size of an example from which loops over it grow too long to be searched by the thousands."""
_FEW = 4
_MAX_PIECE = 12


def shown_examples(examples: Sequence[Example], count: int) -> list[Example]:
    """Return the examples to search with: at most so many, large ones only where others are few.

    Of each output some are taken in turn, small ones first.
    """
    by_size = sorted(examples, key=_size)
    small = [each for each in by_size if _size(each) <= _LARGE]
    chosen = small if len(small) >= _FEW else by_size
    if len(chosen) <= count:
        return list(chosen)
    turns: Counter[str] = Counter()
    order = []
    for each in chosen:
        order.append((turns[repr(each.output)], each))
        turns[repr(each.output)] += 1
    return [each for _, each in sorted(order, key=lambda item: item[0])[:count]]


def given_constants(examples: Sequence[Example]) -> tuple[Any, ...]:
    """Return constants that the examples suggest: repeated outputs, and pieces of texts."""
    outputs = [each.output for each in examples]
    found: list[Any] = []
    if isinstance(outputs[0], str):
        found += [value for value, n in Counter(outputs).most_common(4) if n > 1]
        found += _common_ends([str(each) for each in outputs])
    elif type(outputs[0]) is int:
        found += [value for value, n in Counter(outputs).most_common(3) if n > 1]
    texts = [v for e in examples for v in (*e.inputs, e.output) if isinstance(v, str)]
    letters = Counter(letter for text in texts for letter in set(text))
    odd = [letter for letter, _ in letters.most_common() if not letter.isalnum()]
    plain = [letter for letter, n in letters.most_common() if letter.isalnum() and n > 1]
    found += [*odd[:5], *plain[:3]]
    return tuple(value for value in dict.fromkeys(found) if _can_be_said(value))


def _common_ends(texts: Sequence[str]) -> list[str]:
    """Return what all texts begin with, and what all end with."""
    if len(texts) < 2:
        return []
    start, end = _common_start(texts), _common_start([text[::-1] for text in texts])[::-1]
    return [piece for piece in (start, end) if 0 < len(piece) <= _MAX_PIECE]


def _common_start(texts: Sequence[str]) -> str:
    size = 0
    for letters in zip(*texts, strict=False):
        if len(set(letters)) > 1:
            break
        size += 1
    return texts[0][:size]


def _can_be_said(value: Any) -> bool:
    of = language()
    if isinstance(value, str):
        return len(value) <= _MAX_PIECE and all(
            of.constant_id("CHARS", c) is not None for c in value
        )
    return abs(value) < 10**6


def _size(example: Example) -> int:
    return sum(map(_value_size, (*example.inputs, example.output)))


def _value_size(value: Any) -> int:
    if isinstance(value, int):
        return abs(value) // 4 if abs(value) <= _LARGE else _LARGE + 1
    return len(value)
