"""The points of a space, one after another: to know how many there are, and which are left."""

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from models.errors import UserError
from tuner.search.constraints import judge_of
from tuner.search.domains import ListOf, ScalarDomain
from tuner.search.space import Space

_MOST_LOOKED_AT = 10_000


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
        point = None
        with suppress(UserError):  # a formula gives nothing there
            point = space.walk(pick)
        if point is not None:
            yield point
        while taken and not taken[-1].advance():
            taken.pop()
        if not taken:
            return


def count_points(space: Space, at_most: int) -> int:
    """Return how many points a space has, or `at_most` where there are as many or more.

    Those that do not keep its constraints do not count, as far as they say nothing of cost. Where
    very many would have to be looked at, `at_most` is returned.
    """
    always = (one.domain for one in space.parameters if not one.when)
    most = math.prod(d.num_values for d in always if not isinstance(d, ListOf))
    if most >= at_most and not space.constraints:
        return at_most
    judge = judge_of(space.constraints, space.complete, None)
    found = 0
    for number, point in enumerate(points(space)):
        found += not any(judge(point))
        if found == at_most or number == _MOST_LOOKED_AT:
            return at_most
    return found


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
