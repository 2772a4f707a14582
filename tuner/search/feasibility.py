"""Whether a space has points that keep its constraints, found out by drawing some."""

import math
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from models.errors import Mistake, UserError
from models.training.contracts import ModelCost
from tuner.search.constraints import Judge, judge_of
from tuner.search.domains import Choice, FloatRange, IntRange, ScalarDomain
from tuner.search.space import Space
from tuner.search.space_points import points

NUM_DRAWS = 2000
_NUM_FIRST = 5000
"""So many points of a space are looked at one by one where none was met by chance."""


@dataclass(frozen=True, kw_only=True)
class Feasibility:
    """What drawing points of a space at random says of its constraints.

    Attributes:
        num_drawn: how many points.
        num_feasible: how many keep all constraints.
        num_kept: how many keep each, in their order.
    """

    num_drawn: int
    num_feasible: int
    num_kept: tuple[int, ...]

    @property
    def shares(self) -> list[float]:
        """The share of points that keep each constraint."""
        return [kept / max(self.num_drawn, 1) for kept in self.num_kept]


def judge_of_space(
    space: Space, cost_of: Callable[[Mapping[str, Any]], ModelCost] | None = None
) -> Judge:
    """Return what judges the points of a space; without `cost_of` by all but the model's cost."""
    return judge_of(space.constraints, space.complete, cost_of)


def feasibility(space: Space, judge: Judge, num_draws: int = NUM_DRAWS) -> Feasibility:
    """Draw points of a space and judge them; the same space is judged alike every time."""
    rng = random.Random(0)
    kept = [0] * len(space.constraints)
    num_feasible = num_drawn = 0
    for _ in range(num_draws):
        try:
            violations = judge(random_point(space, rng))
        except UserError:  # a formula gives nothing there
            continue
        num_drawn += 1
        num_feasible += not any(violations)
        kept = [count + (not each) for count, each in zip(kept, violations, strict=True)]
    return Feasibility(num_drawn=num_drawn, num_feasible=num_feasible, num_kept=tuple(kept))


def infeasible_mistake(space: Space, judge: Judge, num_draws: int = NUM_DRAWS) -> Mistake | None:
    """Return the mistake of a space of which no point keeps the constraints, as far as one sees."""
    if not space.constraints:
        return None
    found = feasibility(space, judge, num_draws)
    if found.num_feasible or any_feasible(space, judge, num_draws):
        return None
    least = min(range(len(space.constraints)), key=lambda index: found.num_kept[index])
    rule = f"no point of {found.num_drawn:,} that were drawn keeps all constraints"
    if len(space.constraints) > 1 or found.num_kept[least]:
        share = f"{100 * found.shares[least]:.2g} %"
        rule += f"; `{space.rules[least]}` alone is kept by {share} of them"
    if reason := _why_not_computable(space, least):
        rule += f" ({reason})"
    remedy = "loosen it or widen a range; what follows from other keys is said by `expr`"
    key = f"constraints[{least}]"
    return Mistake(key=key, value=space.rules[least], rule=rule, remedy=remedy)


def _why_not_computable(space: Space, index: int) -> str:
    """Return why a constraint gives nothing at a point, or the empty string."""
    constraint = space.constraints[index]
    with suppress(UserError):
        point = space.complete(random_point(space, random.Random(0)))
        try:
            if not constraint.is_of_cost:
                constraint.expression.violation(point)
        except UserError as error:
            return str(error)
    return ""


def any_feasible(space: Space, judge: Judge, at_most: int = _NUM_FIRST) -> bool:
    """Return whether one of the first points of a space, one after another, is feasible."""
    return any(not any(judge(point)) for point in islice(points(space), min(at_most, _NUM_FIRST)))


def random_point(space: Space, rng: random.Random) -> dict[str, Any]:
    """Draw a point of a space at random.

    Raises:
        UserError: a formula gives nothing there.
    """
    return space.walk(lambda _, domain: draw_value(domain, rng))


def draw_value(domain: ScalarDomain, rng: random.Random) -> Any:
    """Draw a value of a domain at random, in a log range with equal odds per decade."""
    if isinstance(domain, Choice):
        return rng.choice(domain.options)
    if domain.log:
        value = math.exp(rng.uniform(math.log(domain.low), math.log(domain.high)))
        return domain.nearest(value)
    if isinstance(domain, IntRange):
        return rng.randrange(domain.low, domain.high + 1, domain.step)
    assert isinstance(domain, FloatRange)
    return domain.nearest(rng.uniform(domain.low, domain.high))


def met_values(space: Space, key: str, num_draws: int = 300) -> list[Any]:
    """Return the values that a key has at points that are drawn at random, where it is computed."""
    rng = random.Random(0)
    values = []
    for _ in range(num_draws):
        with suppress(UserError):  # a formula gives nothing there
            values.append(space.complete(random_point(space, rng))[key])
    return values or [space.preset[key]]
