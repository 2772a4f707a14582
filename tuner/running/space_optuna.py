"""A search space in Optuna's terms: drawn define-by-run, encoded and decoded without loss.

Flat names are the parameter names of the study (`encoder_kernel[0]`). Optuna takes plain scalars
as categorical choices, so a list among the options stands as its JSON text.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import optuna
from optuna.distributions import BaseDistribution

from tuner.search.domains import Choice, FloatRange, IntRange, ListOf, ScalarDomain
from tuner.search.space import Space, flat_names, flatten, list_length

Ask: TypeAlias = Callable[[str, BaseDistribution], Any]
"""Draws a parameter of the study, by its name and its distribution."""


def suggest(trial: optuna.Trial, space: Space) -> dict[str, Any]:
    """Draw a point: the values of the active keys, in the types of the model's settings."""
    return draw(space, trial._suggest)


def draw(space: Space, ask: Ask) -> dict[str, Any]:
    """Return the values of the active keys, of which `ask` draws the study's parameters."""

    def pick(name: str, domain: ScalarDomain) -> Any:
        drawn = ask(name, distribution(domain))
        # 0.3, not 0.30000000000000004, on a grid
        return _option(domain, drawn) if isinstance(domain, Choice) else domain.nearest(drawn)

    return space.walk(pick)


def encode(space: Space, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the study's parameters for the values of the active keys: `decode`'s inverse.

    The values must be legal, as `Space.locate` returns them; inactive keys are left out.
    """
    return parameters(space, values)[0]


def parameters(
    space: Space, values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """Return the study's parameters for the values of the active keys, and their distributions."""
    flat = flatten(values, space)
    params: dict[str, Any] = {}
    distributions: dict[str, BaseDistribution] = {}

    def pick(name: str, domain: ScalarDomain) -> Any:
        params[name] = label(domain, flat[name])
        distributions[name] = distribution(domain)
        return flat[name]

    space.walk(pick)
    return params, distributions


def decode(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the active keys for the parameters of a trial of the study."""

    def pick(name: str, domain: ScalarDomain) -> Any:
        param = params[name]
        if isinstance(domain, Choice):
            return _option(domain, param)
        return domain.nearest(param)

    return space.walk(pick)


def distribution(domain: ScalarDomain) -> BaseDistribution:
    """Return Optuna's distribution over a scalar domain, as `suggest` draws from it.

    Optuna knows no steps in a log range: what it draws there is moved to the nearest one.
    """
    if isinstance(domain, FloatRange):
        step = None if domain.log else domain.step
        return optuna.distributions.FloatDistribution(
            domain.low, domain.high, log=domain.log, step=step
        )
    if isinstance(domain, IntRange):
        step = 1 if domain.log else domain.step
        return optuna.distributions.IntDistribution(
            domain.low, domain.high, log=domain.log, step=step
        )
    return optuna.distributions.CategoricalDistribution(domain.labels)


def label(domain: ScalarDomain, value: Any) -> Any:
    """Return a legal value as the study has it."""
    if not isinstance(domain, Choice):
        return value
    return domain.labels[_index(domain.options, domain.nearest(value))]


def always_active(space: Space) -> dict[str, BaseDistribution]:
    """Return the distributions of the parameters that every trial has, and that have a choice."""
    found: dict[str, BaseDistribution] = {}
    varying = {entry.key for entry in space.entries}
    for parameter in space.parameters:
        domain = parameter.domain
        if parameter.when:
            continue
        if not isinstance(domain, ListOf):
            found[parameter.key] = distribution(domain)
        elif isinstance(domain.length, int) or domain.length not in varying:
            length = list_length(domain, space.preset)
            found |= dict.fromkeys(flat_names(parameter.key, length), distribution(domain.item))
    return {name: known for name, known in found.items() if not known.single()}


def _option(domain: Choice, label: Any) -> Any:
    return domain.options[_index(domain.labels, label)]


def _index(items: tuple[Any, ...], item: Any) -> int:
    return next(i for i, known in enumerate(items) if known is item or known == item)
