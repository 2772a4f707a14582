"""A search space: which keys of a preset are searched, over what, and on what condition.

Data only. `Space.walk` is the one traversal behind drawing, encoding and decoding: it visits the
active parameters, parents first, and asks a function for every scalar by its flat name (`beta`,
`encoder_kernel[0]`). `space_parsing` builds a space from a file, `space_optuna` draws from it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from tuner.search.domains import Domain, ListOf, ScalarDomain, same_value

Pick: TypeAlias = Callable[[str, ScalarDomain], Any]
"""Gives the value of a scalar, from its flat name and its domain."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """The key has one of the values, searched or from the preset."""

    key: str
    values: tuple[Any, ...]

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Return whether the condition holds for complete settings."""
        return any(same_value(values[self.key], value) for value in self.values)


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
        conditions = {
            condition.key: (
                condition.values[0]
                if len(condition.values) == 1 and not isinstance(condition.values[0], list)
                else list(condition.values)
            )
            for condition in self.when
        }
        return {**self.domain.to_mapping(), **({"when": conditions} if conditions else {})}


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
    """

    parameters: tuple[Parameter, ...]
    preset: Mapping[str, Any]

    @property
    def keys(self) -> tuple[str, ...]:
        """The searched keys."""
        return tuple(parameter.key for parameter in self.parameters)

    def parameter(self, key: str) -> Parameter:
        """Return the parameter of a searched key."""
        return next(parameter for parameter in self.parameters if parameter.key == key)

    def walk(self, pick: Pick) -> dict[str, Any]:
        """Return the values of the active keys, each scalar as `pick` gives it."""
        values: dict[str, Any] = {}
        for parameter in self.parameters:
            settings = {**self.preset, **values}
            if not all(condition.holds(settings) for condition in parameter.when):
                continue
            domain = parameter.domain
            if isinstance(domain, ListOf):
                names = flat_names(parameter.key, list_length(domain, settings))
                values[parameter.key] = [pick(name, domain.item) for name in names]
            else:
                values[parameter.key] = pick(parameter.key, domain)
        return values

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of all keys: those given, and the preset's for the rest."""
        return {**self.preset, **values}

    def locate(self, settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[Illegal]]:
        """Find the point of this space that settings stand at, as a warm start does.

        Keys that are not searched are left aside. A single number where a list is searched
        counts for every item, as it does in `encoder_kernel: 3`.

        Returns:
            the values of the active keys, legal in every case, and which had to be moved to be so.
        """
        values: dict[str, Any] = {}
        illegal: list[Illegal] = []
        for parameter in self.parameters:
            current = self.complete(values)
            if not all(condition.holds(current) for condition in parameter.when):
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
        return {parameter.key: parameter.to_mapping() for parameter in self.parameters}

    @property
    def digest(self) -> str:
        """SHA-256 of the space in canonical form, for provenance."""
        text = json.dumps(self.to_mapping(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def flat_names(key: str, length: int) -> list[str]:
    """Return the flat names of a list's items: `key[0]`, `key[1]`, ..."""
    return [f"{key}[{index}]" for index in range(length)]


def flatten(values: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Return values with every searched list taken apart into its items by flat name."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(space.parameter(key).domain, ListOf):
            flat.update(zip(flat_names(key, len(value)), value, strict=True))
        else:
            flat[key] = value
    return flat


def list_length(domain: ListOf, settings: Mapping[str, Any]) -> int:
    """Return how long a list is under complete settings."""
    return domain.length if isinstance(domain.length, int) else int(settings[domain.length])
