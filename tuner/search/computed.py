"""Keys of a space that are not drawn: constant ones, and those that follow from others."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from tuner.search.conditions import Condition, condition_mapping
from tuner.search.expressions import Expression


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A key whose value a formula gives; `whole`: it takes whole numbers, halves go up."""

    key: str
    expression: Expression
    whole: bool = False
    when: tuple[Condition, ...] = ()

    @property
    def parents(self) -> tuple[str, ...]:
        """The keys that decide whether it is active, or what it is."""
        return (*(condition.key for condition in self.when), *self.expression.names)

    def value(self, settings: Mapping[str, Any]) -> Any:
        """Return its value under complete settings.

        Raises:
            UserError: the formula gives nothing there.
        """
        value = self.expression.value(settings)
        is_number = isinstance(value, float) or type(value) is int
        return math.floor(value + 0.5) if self.whole and is_number else value

    def to_mapping(self) -> dict[str, Any]:
        """Return the key as it stands in a search file."""
        return {"expr": self.expression.text, **condition_mapping(self.when)}


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A key with one value wherever its conditions hold."""

    key: str
    constant: Any
    when: tuple[Condition, ...] = ()

    @property
    def parents(self) -> tuple[str, ...]:
        """The keys that decide whether it is active."""
        return tuple(condition.key for condition in self.when)

    def value(self, settings: Mapping[str, Any]) -> Any:
        """Return its value, which is the same under all settings."""
        return self.constant

    def to_mapping(self) -> dict[str, Any]:
        """Return the key as it stands in a search file."""
        return {"constant": self.constant, **condition_mapping(self.when)}


Computed: TypeAlias = Derived | Constant
