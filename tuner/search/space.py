"""A search space: which keys of a preset are searched, over what, and on what condition.

Data only. `Space.walk` is the one traversal behind drawing, encoding and decoding: it visits the
active parameters, parents first, and asks a function for every scalar by its flat name (`beta`,
`encoder_kernel[0]`). `space_parsing` builds a space from a file, `space_optuna` draws from it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from models.errors import Mistake, UserError
from tuner.search.computed import Computed
from tuner.search.conditions import Condition, condition_mapping
from tuner.search.constraints import Constraint
from tuner.search.domains import MOST_ITEMS, Domain, ListOf, ScalarDomain
from tuner.search.space_order import parents_first

Pick: TypeAlias = Callable[[str, ScalarDomain], Any]
"""Gives the value of a scalar, from its flat name and its domain."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A searched key; it is active, that is searched, when all conditions hold."""

    key: str
    domain: Domain
    when: tuple[Condition, ...] = ()

    @property
    def extremes(self) -> tuple[Any, ...]:
        """The ends of its range or all its options; of a list, those of an item."""
        domain = self.domain
        return (domain.item if isinstance(domain, ListOf) else domain).extremes

    @property
    def parents(self) -> tuple[str, ...]:
        """The keys that decide whether this one is active, or how long its list is."""
        length = self.domain.length if isinstance(self.domain, ListOf) else None
        return (
            *(condition.key for condition in self.when),
            *([length] if isinstance(length, str) else []),
        )

    def to_mapping(self) -> dict[str, Any]:
        """Return the parameter as it stands in a search file."""
        return {**self.domain.to_mapping(), **condition_mapping(self.when)}


@dataclass(frozen=True, kw_only=True)
class Illegal:
    """A value outside its domain, and the nearest that is inside."""

    key: str
    value: Any
    nearest: Any


@dataclass(frozen=True, kw_only=True)
class Space:
    """The searched keys, parents before those that depend on them.

    Attributes:
        preset: complete settings: the values of keys that are not searched or not active.
        computed: keys that are not drawn: constants, and those that follow from others.
        constraints: what its points have to keep.
    """

    parameters: tuple[Parameter, ...]
    preset: Mapping[str, Any]
    computed: tuple[Computed, ...] = ()
    constraints: tuple[Constraint, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The searched keys."""
        return tuple(parameter.key for parameter in self.parameters)

    @property
    def computed_keys(self) -> tuple[str, ...]:
        """The keys that are not drawn: constant ones, and those that follow from others."""
        return tuple(entry.key for entry in self.computed)

    @cached_property
    def entries(self) -> tuple[Parameter | Computed, ...]:
        """The keys that are drawn or computed, parents first."""
        return parents_first((*self.parameters, *self.computed))

    def parameter(self, key: str) -> Parameter:
        """Return the parameter of a searched key."""
        return next(parameter for parameter in self.parameters if parameter.key == key)

    def walk(self, pick: Pick) -> dict[str, Any]:
        """Return the values of the active keys, each scalar as `pick` gives it.

        Raises:
            UserError: a formula gives nothing at this point.
        """
        values: dict[str, Any] = {}
        settings = dict(self.preset)
        for entry in self.entries:
            if not all(condition.holds(settings) for condition in entry.when):
                continue
            if not isinstance(entry, Parameter):
                value = entry.value(settings)
            elif isinstance(entry.domain, ListOf):
                names = flat_names(entry.key, list_length(entry.domain, settings))
                value = [pick(name, entry.domain.item) for name in names]
            else:
                value = pick(entry.key, entry.domain)
            values[entry.key] = settings[entry.key] = value
        return values

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of all keys: those given, and the preset's for the rest."""
        return {**self.preset, **values}

    def locate(self, settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[Illegal]]:
        """Find the point of this space that settings stand at, as a warm start does.

        Keys that are not searched are left aside, computed ones are as the others make them. A
        single number where a list is searched counts for every item, as in `encoder_kernel: 3`.

        Returns:
            the values of the active keys, legal in every case, and which had to be moved to be so.

        Raises:
            UserError: a formula gives nothing there.
        """
        values: dict[str, Any] = {}
        illegal: list[Illegal] = []
        for parameter in self.entries:
            current = self.complete(values)
            if not all(condition.holds(current) for condition in parameter.when):
                continue
            if not isinstance(parameter, Parameter):
                values[parameter.key] = parameter.value(current)
                continue
            given, domain = settings[parameter.key], parameter.domain
            if isinstance(domain, ListOf):
                length = list_length(domain, current)
                if not isinstance(given, list | tuple):
                    given = [given] * length
                legal, nearest = domain.contains(given, length), domain.nearest(given, length)
            else:
                legal, nearest = domain.contains(given), domain.nearest(given)
            values[parameter.key] = nearest
            if not legal:
                illegal.append(Illegal(key=parameter.key, value=given, nearest=nearest))
        return values, illegal

    def to_mapping(self) -> dict[str, Any]:
        """Return the space as it stands in a search file."""
        return {entry.key: entry.to_mapping() for entry in self.entries}

    @property
    def rules(self) -> list[str]:
        """Return the constraints as they stand in a search file."""
        return [constraint.expression.text for constraint in self.constraints]

    @property
    def digest(self) -> str:
        """SHA-256 of the space in canonical form, for provenance."""
        kept = {"constraints": self.rules} if self.constraints else {}
        text = json.dumps({**self.to_mapping(), **kept}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def flat_names(key: str, length: int) -> list[str]:
    """Return the flat names of a list's items: `key[0]`, `key[1]`, ..."""
    return [f"{key}[{index}]" for index in range(length)]


def flatten(values: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Return the drawn values, every searched list taken apart into its items by flat name."""
    flat: dict[str, Any] = {}
    for key in space.keys:
        if key not in values:
            continue
        if isinstance(space.parameter(key).domain, ListOf):
            flat.update(zip(flat_names(key, len(values[key])), values[key], strict=True))
        else:
            flat[key] = values[key]
    return flat


def list_length(domain: ListOf, settings: Mapping[str, Any]) -> int:
    """Return how long a list is under complete settings.

    Raises:
        UserError: the key that holds its length has none that a list can have.
    """
    if isinstance(domain.length, int):
        return domain.length
    length = settings[domain.length]
    if type(length) is not int or not 1 <= length <= MOST_ITEMS:
        rule = f"a list has 1 to {MOST_ITEMS:,} items"
        raise UserError(Mistake(key=domain.length, value=length, rule=rule))
    return length
