"""The points of a space, one after another: to know how many there are, and which are left."""

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from tuner.search.domains import ListOf, ScalarDomain
from tuner.search.space import Space


def points(
    space: Space, first: Callable[[int], int] = lambda num_values: 0
) -> Iterator[dict[str, Any]]:
    """Yield the values of the active keys at every point of a space, each point once.

    Args:
        space: the space; a range without steps counts as a very fine grid.
        first: gives the index of the value that a scalar begins with, of so many; the others
            follow in a circle.
    """
    taken: list[_Turn] = []  # of the scalars in the order of the walk

    def pick(name: str, domain: ScalarDomain) -> Any:
        nonlocal depth
        if depth == len(taken):
            taken.append(_Turn(domain.num_values, first(domain.num_values)))
        depth += 1
        return domain.value_at(taken[depth - 1].index)

    while True:
        depth = 0
        yield space.walk(pick)
        while taken and not taken[-1].advance():
            taken.pop()
        if not taken:
            return


def count_points(space: Space, at_most: int) -> int:
    """Return how many points a space has, or `at_most` where there are as many or more."""
    always = (one.domain for one in space.parameters if not one.when)
    if math.prod(d.num_values for d in always if not isinstance(d, ListOf)) >= at_most:
        return at_most
    return sum(1 for _ in islice(points(space), at_most))


class _Turn:
    """Which of its values a scalar has."""

    def __init__(self, num_values: int, first: int) -> None:
        self._num_values = num_values
        self._first = first
        self._done = 0

    @property
    def index(self) -> int:
        return (self._first + self._done) % self._num_values

    def advance(self) -> bool:
        """Go on to the next value; return whether there is one."""
        self._done += 1
        return self._done < self._num_values
