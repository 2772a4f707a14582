"""Where trials lie in the searched space, as numbers from 0 to 1: what several figures are made of.

A searched list counts as its items, by flat name (`encoder_kernel[0]`). A key that is not active in
a trial has no place.
"""

import json
import math
import random
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from tuner.search.domains import Choice, ListOf, ScalarDomain
from tuner.search.feasibility import judge_of_space, met_values, random_point
from tuner.search.space import Space, flatten, list_length

_MOST_DRAWS = 20
"""So many draws for each point that is wanted."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A scalar of the space.

    Attributes:
        name: its flat name.
        key: the searched key that it is, or is an item of.
        conditional: whether it is active in some points only.
    """

    name: str
    key: str
    domain: ScalarDomain
    conditional: bool

    @property
    def is_log(self) -> bool:
        """Whether equal steps are equal factors."""
        return not isinstance(self.domain, Choice) and self.domain.log

    def place(self, value: Any) -> float:
        """Return where a value lies, 0 for the lowest and 1 for the highest; options by order."""
        domain = self.domain
        if isinstance(domain, Choice):
            index = domain.options.index(domain.nearest(value))
            return index / max(1, len(domain.options) - 1)
        low, high, at = float(domain.low), float(domain.high), float(value)
        if domain.log:
            low, high, at = math.log(low), math.log(high), math.log(max(at, 1e-300))
        return min(1.0, max(0.0, (at - low) / (high - low)))

    def label(self, value: Any) -> Any:
        """Return a value as figures show it: a number, or the name of an option."""
        if isinstance(self.domain, Choice):
            return value if isinstance(value, str) else json.dumps(value)
        return value


def axes_of(space: Space) -> list[Axis]:
    """Return the scalars of a space in its order; a list has as many as it is ever long."""
    axes: list[Axis] = []
    for parameter in space.parameters:
        domain, conditional = parameter.domain, bool(parameter.when)
        if not isinstance(domain, ListOf):
            axes.append(
                Axis(name=parameter.key, key=parameter.key, domain=domain, conditional=conditional)
            )
            continue
        shortest, longest = _lengths(domain, space)
        axes += [
            Axis(
                name=f"{parameter.key}[{index}]",
                key=parameter.key,
                domain=domain.item,
                conditional=conditional or index >= shortest,
            )
            for index in range(longest)
        ]
    return axes


def places(axes: Iterable[Axis], points: Iterable[Mapping[str, Any]]) -> NDArray[np.float64]:
    """Return where points lie (points, axes), from values by flat name; NaN: not active."""
    wanted = list(axes)
    return np.array(
        [
            [axis.place(point[axis.name]) if axis.name in point else math.nan for axis in wanted]
            for point in points
        ],
        dtype=float,
    ).reshape(-1, len(wanted))


def random_points(space: Space, num: int, rng: random.Random) -> list[dict[str, Any]]:
    """Return points drawn as random search draws them, as values by flat name.

    Those that break a constraint are drawn anew; where nearly all do, fewer are returned. What a
    point costs is not asked for, as that takes the model.
    """
    judge = judge_of_space(space)
    points: list[dict[str, Any]] = []
    for _ in range(_MOST_DRAWS * num):
        if len(points) == num:
            break
        with suppress(UserError):  # a formula gives nothing there
            point = random_point(space, rng)
            if not any(judge(point)):
                points.append(flatten(point, space))
    return points


def nearest_points(
    axes: Iterable[Axis], drawn: NDArray[np.float64], known: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Return for each drawn place (drawn, axes) the row of the nearest known one.

    Distances are squared and add up over axes: two options differ by 1, as do a place and none.
    """
    distance = np.zeros((len(drawn), len(known)))
    for index, axis in enumerate(axes):
        one, other = drawn[:, index, None], known[None, :, index]
        apart = np.abs(one - other)
        if isinstance(axis.domain, Choice):
            apart = (apart > 0).astype(float)
        apart = np.where(np.isnan(one) != np.isnan(other), 1.0, np.nan_to_num(apart, nan=0.0))
        distance += apart**2
    return distance.argmin(axis=1)


def _lengths(domain: ListOf, space: Space) -> tuple[int, int]:
    """Return how short and how long a list may be."""
    if isinstance(domain.length, str) and domain.length in space.computed_keys:
        found = [int(value) for value in met_values(space, domain.length)]
        return min(found), max(found)
    if isinstance(domain.length, int) or domain.length not in space.keys:
        length = list_length(domain, space.preset)
        return length, length
    ends = [int(value) for value in space.parameter(domain.length).extremes]
    if space.parameter(domain.length).when:  # else it has the preset's length
        ends.append(int(space.preset[domain.length]))
    return min(ends), max(ends)
