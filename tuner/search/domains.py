"""What a searched key may be: ranges, choices and lists of them. Bounds are inclusive.

Data only: how a value is drawn from a domain is the searcher's affair.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias, TypeGuard

from models.errors import nearest_name

# Optuna's own tolerance for a float on a grid, in steps.
_GRID_TOLERANCE = 1e-8
MOST_ITEMS = 1_000
"""Of a list: what a longer one takes to draw and to show, no search is worth."""
_NUM_CONTINUOUS = 2**53
"""Values of a range without steps: the whole numbers that a float counts exactly."""


@dataclass(frozen=True, kw_only=True)
class FloatRange:
    """All numbers from `low` to `high`, or every `step` of them; `log`: equal odds per decade."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def contains(self, value: object) -> bool:
        """Return whether the value is a number of this range."""
        if not is_number(value) or not self.low <= value <= self.high:
            return False
        if self.step is None:
            return True
        steps = (value - self.low) / self.step
        return abs(steps - round(steps)) < _GRID_TOLERANCE

    def nearest(self, value: object) -> float:
        """Return the legal value closest to `value`, exact in decimals on a grid."""
        if not is_number(value):
            return self.low
        inside = min(max(float(value), self.low), self.high)
        if self.step is None:
            return inside
        steps = round((inside - self.low) / self.step)
        return float(Decimal(str(self.low)) + steps * Decimal(str(self.step)))

    @property
    def extremes(self) -> tuple[float, ...]:
        """Both ends."""
        return (self.low, self.high)

    @property
    def num_values(self) -> int:
        """How many values it has; without steps as many as can be told apart."""
        if self.low == self.high:
            return 1
        if self.step is None:
            return _NUM_CONTINUOUS
        return int((self.high - self.low) / self.step + _GRID_TOLERANCE) + 1

    def value_at(self, index: int) -> float:
        """Return the value of this index, the lowest one first."""
        if self.step is not None:
            return self.nearest(self.low + index * self.step)
        share = index / (_NUM_CONTINUOUS - 1)
        if self.log:
            return self.nearest(self.low * (self.high / self.low) ** share)
        return self.nearest(self.low + share * (self.high - self.low))

    def to_mapping(self) -> dict[str, Any]:
        """Return the domain as it stands in a search file."""
        kind = "log_uniform" if self.log else "uniform"
        step = {} if self.step is None else {"step": self.step}
        return {kind: [self.low, self.high], **step}


@dataclass(frozen=True, kw_only=True)
class IntRange:
    """All whole numbers from `low` to `high`, or every `step` of them."""

    low: int
    high: int
    log: bool = False
    step: int = 1

    def contains(self, value: object) -> bool:
        """Return whether the value is a whole number of this range."""
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    def nearest(self, value: object) -> int:
        """Return the legal value closest to `value`."""
        if not is_number(value):
            return self.low
        inside = min(max(value, self.low), self.high)
        return self.low + self.step * round((inside - self.low) / self.step)

    @property
    def extremes(self) -> tuple[int, ...]:
        """Both ends."""
        return (self.low, self.high)

    @property
    def num_values(self) -> int:
        """How many values it has."""
        return (self.high - self.low) // self.step + 1

    def value_at(self, index: int) -> int:
        """Return the value of this index, the lowest one first."""
        return self.low + index * self.step

    def to_mapping(self) -> dict[str, Any]:
        """Return the domain as it stands in a search file."""
        step = {} if self.step == 1 else {"step": self.step}
        return {"log_int" if self.log else "int": [self.low, self.high], **step}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of a few values without an order: None, booleans, numbers, text or lists of them."""

    options: tuple[Any, ...]

    def contains(self, value: object) -> bool:
        """Return whether the value is one of the options."""
        return any(same_value(value, option) for option in self.options)

    def nearest(self, value: object) -> Any:
        """Return the equal option, else the closest number or name, else the first option."""
        for option in self.options:
            if same_value(value, option):
                return option
        numbers = [option for option in self.options if is_number(option)]
        if is_number(value) and numbers:
            return min(numbers, key=lambda option: abs(option - value))
        texts = {str(option): option for option in self.options}
        return texts.get(nearest_name(str(value), texts) or "", self.options[0])

    @property
    def labels(self) -> tuple[bool | int | float | str | None, ...]:
        """The options as plain scalars, one to one: a list is its JSON text."""
        return tuple(
            json.dumps(option) if isinstance(option, list | dict) else option
            for option in self.options
        )

    @property
    def extremes(self) -> tuple[Any, ...]:
        """Every option."""
        return self.options

    @property
    def num_values(self) -> int:
        """How many options it has."""
        return len(self.options)

    def value_at(self, index: int) -> Any:
        """Return the option of this index."""
        return self.options[index]

    def to_mapping(self) -> dict[str, Any]:
        """Return the domain as it stands in a search file."""
        return {"choice": list(self.options)}


ScalarDomain: TypeAlias = FloatRange | IntRange | Choice


@dataclass(frozen=True, kw_only=True)
class ListOf:
    """A list whose items are drawn one by one; `length` is a number or the key that holds it."""

    item: ScalarDomain
    length: int | str

    def contains(self, value: object, length: int) -> bool:
        """Return whether the value is a list of this length with legal items."""
        if not isinstance(value, list | tuple) or len(value) != length:
            return False
        return all(self.item.contains(item) for item in value)

    def nearest(self, value: object, length: int) -> list[Any]:
        """Return a legal list: items moved to their nearest, the last repeated or cut."""
        given = list(value) if isinstance(value, list | tuple) and value else [value]
        items = [self.item.nearest(item) for item in given[:length]]
        return items + [items[-1]] * (length - len(items))

    def to_mapping(self) -> dict[str, Any]:
        """Return the domain as it stands in a search file."""
        return {"list": self.item.to_mapping(), "length": self.length}


Domain: TypeAlias = ScalarDomain | ListOf


def same_value(one: object, other: object) -> bool:
    """Return whether two plain values are equal; unlike Python's, true is not 1."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same_value, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a plain value is a number; a boolean is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
