"""Compare derivations by their numbers: a wrong digit is not a wrong equation.

In a left-most derivation the steps below one nonterminal follow each other without a gap, so a
number is a run of steps. The skeleton is what remains when every such run is replaced by one
mark. The nonterminal of numbers is called `NUM`; a grammar without it has no coefficients.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.grammar.derivation import to_text
from models.grammar.grammar import Grammar
from models.grammar.grammar_checks import reachable_nonterminals

NUMBER = "NUM"
_ANY_NUMBER = -1


@dataclass(frozen=True, kw_only=True)
class CoefficientErrors:
    """How decoded numbers differ from the original ones.

    Attributes:
        same_skeleton: share of rows that agree in everything but their numbers, exact ones
            included.
        num_coefficients: numbers of those rows; the next three are over them.
        wrong: share that differ in value.
        mean_absolute: mean of |decoded - original|, exact ones included.
        mean_relative: mean of |decoded - original| / |original|, where the original is not 0.
    """

    same_skeleton: float
    num_coefficients: int
    wrong: float
    mean_absolute: float
    mean_relative: float


class NumberReader:
    """Splits derivations of one grammar into skeleton and numbers."""

    def __init__(self, grammar: Grammar) -> None:
        self._numbers = replace(grammar, start=NUMBER)
        self._is_number = [item.lhs == NUMBER for item in grammar.productions]
        self._growth = [len(item.nonterminals) - 1 for item in grammar.productions]
        self._values: dict[tuple[int, ...], float] = {}

    def split(self, ids: Sequence[int]) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """Return the skeleton and the numbers of a complete derivation without padding."""
        skeleton: list[int] = []
        numbers: list[float] = []
        step = 0
        while step < len(ids):
            if self._is_number[ids[step]]:
                end = self._end(ids, step)
                numbers.append(self._value(tuple(ids[step:end])))
                skeleton.append(_ANY_NUMBER)
                step = end
            else:
                skeleton.append(ids[step])
                step += 1
        return tuple(skeleton), tuple(numbers)

    def _end(self, ids: Sequence[int], step: int) -> int:
        still_open = 1
        while still_open:
            still_open += self._growth[ids[step]]
            step += 1
        return step

    def _value(self, ids: tuple[int, ...]) -> float:
        """Return the value of a number's derivation; NaN where its text is no plain number."""
        if ids not in self._values:
            try:
                self._values[ids] = float(to_text(self._numbers, ids))
            except ValueError:
                self._values[ids] = math.nan
        return self._values[ids]


def has_numbers(grammar: Grammar) -> bool:
    """Tell whether texts of the grammar hold numbers that can be compared."""
    return NUMBER in reachable_nonterminals(grammar.start, grammar.productions)


def digit_productions(grammar: Grammar) -> NDArray[np.bool_]:
    """Return bool (productions,): those that write one digit of a number, and nothing else."""
    inside = reachable_nonterminals(NUMBER, grammar.productions)
    return np.array(
        [
            item.lhs in inside and len(item.rhs) == 1 and item.rhs[0].text in set("0123456789")
            for item in grammar.productions
        ]
    )


def coefficient_errors(
    grammar: Grammar, originals: NDArray[np.integer], decoded: NDArray[np.integer]
) -> tuple[CoefficientErrors, NDArray[np.bool_]]:
    """Compare rows with what they decode to.

    Args:
        grammar: one that `has_numbers`.
        originals: complete derivations (rows, time), pad -1.
        decoded: the same number of rows; their padded length may differ.

    Returns:
        The errors, and which rows keep their skeleton, bool (rows,).
    """
    reader = NumberReader(grammar)
    same = np.zeros(len(originals), dtype=np.bool_)
    true: list[float] = []
    got: list[float] = []
    pairs = zip(_real_ids(originals), _real_ids(decoded), strict=True)
    for row, (original, copy) in enumerate(pairs):
        skeleton, numbers = reader.split(original)
        copied, copied_numbers = (skeleton, numbers) if copy == original else reader.split(copy)
        if copied == skeleton:
            same[row] = True
            true += numbers
            got += copied_numbers
    return _summary(np.array(true), np.array(got), float(same.mean())), same


def _summary(
    true: NDArray[np.floating], got: NDArray[np.floating], same_skeleton: float
) -> CoefficientErrors:
    comparable = np.isfinite(true) & np.isfinite(got)
    true, got = true[comparable], got[comparable]
    error = np.abs(got - true)
    relative = error[true != 0] / np.abs(true[true != 0])
    return CoefficientErrors(
        same_skeleton=same_skeleton,
        num_coefficients=len(true),
        wrong=_mean(error > 0),
        mean_absolute=_mean(error),
        mean_relative=_mean(relative),
    )


def _mean(values: NDArray[np.generic]) -> float:
    return float(values.mean()) if len(values) else 0.0


def _real_ids(ids: NDArray[np.integer]) -> Iterator[list[int]]:
    lengths = (ids >= 0).sum(axis=1)
    for row, length in zip(ids.tolist(), lengths.tolist(), strict=True):
        yield row[:length]
