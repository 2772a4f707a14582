"""What the points of a space have to keep, as `params <= 5e6` or `beta * free_bits < 2`.

A point that does not is infeasible: it is drawn again before it is trained, and the sampler is
told how far off it was.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from models.errors import Mistake, UserError, did_you_mean_of
from models.training.contracts import ModelCost
from tuner.search.expressions import Expression, parse_expression

COST_NAMES: Mapping[str, Callable[[ModelCost], float]] = {
    "params": lambda cost: cost.num_parameters,
    "memory_gb": lambda cost: cost.memory_mb / 1000,
    "checkpoint_mb": lambda cost: cost.checkpoint_mb,
}
"""What a constraint may say of the model's cost, beside the keys of the settings."""
NOT_COMPUTABLE = 1e12
"""The violation of a constraint that gives nothing at a point, as it divides by zero there."""

Judge: TypeAlias = Callable[[Mapping[str, Any]], tuple[float, ...]]
"""Says of a point how far it is from keeping each constraint: 0 where it does."""


@dataclass(frozen=True)
class Constraint:
    """A statement that must be true of every point."""

    expression: Expression

    @property
    def is_of_cost(self) -> bool:
        """Whether it takes the model's cost to judge it."""
        return any(name in COST_NAMES for name in self.expression.names)

    def violation(self, values: Mapping[str, Any]) -> float:
        """Return how far the statement is from being true; 0 where it is."""
        try:
            return min(self.expression.violation(values), NOT_COMPUTABLE)
        except UserError:
            return NOT_COMPUTABLE


def parse_constraints(raw: object, settings: Mapping[str, Any]) -> tuple[Constraint, ...]:
    """Return the constraints of a search file.

    Args:
        raw: the plain YAML value of `constraints:`.
        settings: complete settings of the model, for their keys.

    Raises:
        UserError: with every mistake.
    """
    if raw is None:
        return ()
    if not isinstance(raw, list):
        rule = 'give a list of statements, as ["params <= 5e6"]'
        raise UserError(Mistake(key="constraints", value=raw, rule=rule))
    constraints: list[Constraint] = []
    mistakes: list[str | Mistake] = []
    for index, text in enumerate(raw):
        try:
            constraints.append(_parse(text, f"constraints[{index}]", settings))
        except UserError as error:
            mistakes += error.mistakes
    if mistakes:
        raise UserError(*mistakes)
    return tuple(constraints)


def judge_of(
    constraints: Sequence[Constraint],
    complete: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    cost_of: Callable[[Mapping[str, Any]], ModelCost] | None,
) -> Judge:
    """Return what judges points by their constraints.

    Args:
        constraints: what is to be kept.
        complete: makes the values of a point complete settings.
        cost_of: gives the model's cost at a point; without it, what is said of cost counts as kept.
    """

    def judge(values: Mapping[str, Any]) -> tuple[float, ...]:
        known = complete(values)
        cheap = [0.0 if each.is_of_cost else each.violation(known) for each in constraints]
        if cost_of is None or any(cheap) or not any(each.is_of_cost for each in constraints):
            return tuple(cheap)
        try:
            cost = cost_of(values)
        except UserError:  # the model takes no such settings
            return tuple(NOT_COMPUTABLE for _ in constraints)
        known = {**known, **{name: give(cost) for name, give in COST_NAMES.items()}}
        return tuple(each.violation(known) for each in constraints)

    return judge


def _parse(text: object, place: str, settings: Mapping[str, Any]) -> Constraint:
    if not isinstance(text, str):
        rule = "give a statement as text, as params <= 5e6"
        raise UserError(Mistake(key=place, value=text, rule=rule))
    expression = parse_expression(text, place)
    known = [*settings, *COST_NAMES]
    unknown = [name for name in expression.names if name not in known]
    if unknown:
        hint = did_you_mean_of(unknown[0], known).strip()
        rule = f"nothing is called {unknown[0]}."
        raise UserError(Mistake(key=place, value=text, rule=rule, remedy=hint))
    switches = [key for key in settings if isinstance(settings[key], bool)]
    if not expression.is_statement([*switches, "true", "false"]):
        rule = "it is neither true nor false: compare it with something, as with <="
        raise UserError(Mistake(key=place, value=text, rule=rule))
    return Constraint(expression)
