"""The `space:` block of a search file into a `Space`, every mistake reported at once.

beta: {log_uniform: [1e-3, 1.0]}
dropout: {uniform: [0.0, 0.5], step: 0.1}
z_dim: {int: [16, 64], step: 8}
encoder_hidden: {log_int: [32, 256]}
cyclical_beta: {choice: [true, false]}
cycle_epochs: {int: [4, 20], when: {cyclical_beta: true}}
encoder_kernel: {list: {choice: [3, 5, 7]}, length: encoder_conv_layers}
"""

import math
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from models.config_file import to_mapping
from models.errors import Mistake, UserError, did_you_mean
from tuner.errors import SearchInvalid
from tuner.search.domains import (
    Choice,
    Domain,
    FloatRange,
    IntRange,
    ListOf,
    ScalarDomain,
    is_number,
)
from tuner.search.space import Condition, Parameter, Space
from tuner.search.space_check import check_parameters, not_searchable, point_mistakes
from tuner.search.space_order import parents_first

KINDS = ("uniform", "log_uniform", "int", "log_int", "choice", "list")

# Larger whole numbers are not exact in the study, which holds every number as a float.
_LARGEST_INT = 2**53
_LARGEST_FLOAT = 1e100
"""The width of a range of larger ones, or what a sampler makes of it, is soon infinite."""
_MOST_STEPS = 1e9


def parse_space(
    raw: object,
    base: Any,
    source: str,
    unsure: Collection[str] = (),
    *,
    check_points: bool = True,
) -> Space:
    """Build the space over the keys of a model's settings.

    Args:
        raw: the plain YAML value of `space:`.
        base: the model's settings that hold where nothing is searched.
        source: the file, for messages.
        unsure: keys of `base` of which nobody knows what they will be; where there are any, what
            depends on them and combinations of keys are not judged.
        check_points: whether any key and any combination may be refused. The space of an old run
            is what it was; that of a confirmation has seeds, and points that are listed.

    Raises:
        SearchInvalid: with every mistake, each beginning with its key (`space.beta: ...`).
    """
    if not isinstance(raw, Mapping) or not raw:
        remedy = "name at least one key of the preset, for example lr: {log_uniform: [1e-4, 1e-2]}"
        nothing = Mistake(place="space", rule="nothing is searched", remedy=remedy)
        raise SearchInvalid(source, [nothing])
    mistakes: list[str | Mistake] = []
    parameters = [
        parameter for key in raw if (parameter := _parameter(str(key), raw[key], mistakes))
    ]
    preset = to_mapping(base)
    searched = [str(key) for key in raw]
    if check_points:
        mistakes += not_searchable(searched)
    mistakes += check_parameters(parameters, searched, base, preset, unsure)
    if mistakes:
        raise SearchInvalid(source, mistakes)
    space = Space(parameters=parents_first(parameters), preset=preset)
    mistakes += [] if unsure or not check_points else point_mistakes(space, type(base))
    if mistakes:
        raise SearchInvalid(source, mistakes)
    return space


def _parameter(key: str, raw: object, mistakes: list[str | Mistake]) -> Parameter | None:
    """Parse one entry; a mistake in the domain does not hide one in the conditions."""
    place = f"space.{key}"
    domain: Domain | None = None
    when: tuple[Condition, ...] = ()
    try:
        domain = _domain(raw, place)
    except UserError as error:
        mistakes += error.mistakes
    try:
        when = _conditions(raw.get("when"), place) if isinstance(raw, Mapping) else ()
    except UserError as error:
        mistakes += error.mistakes
    return Parameter(key=key, domain=domain, when=when) if domain else None


def _domain(raw: object, place: str) -> Domain:
    if not isinstance(raw, Mapping):
        hint = f"{{choice: {raw}}}" if isinstance(raw, list) else "{uniform: [low, high]}"
        remedy = f"write {hint}, or set a value for every trial under `fixed:`"
        raise UserError(Mistake(place=place, rule=f"{raw!r} is no domain", remedy=remedy))
    entries = {str(key): value for key, value in raw.items() if key != "when"}
    found = [kind for kind in entries if kind in KINDS]
    if len(found) != 1:
        unknown = next((key for key in entries if key not in KINDS), "")
        what = f"has two domains ({', '.join(found)})" if found else "names no domain"
        hint = "" if found else did_you_mean(unknown, KINDS)
        remedy = f"give one of {', '.join(KINDS)}.{hint}"
        raise UserError(Mistake(place=place, rule=what, remedy=remedy))
    kind = found[0]
    _only_options(entries, kind, place)
    if kind == "list":
        return _list(entries, place)
    return _scalar(kind, entries[kind], entries.get("step"), f"{place}.{kind}")


def _only_options(entries: Mapping[str, Any], kind: str, place: str) -> None:
    allowed = {"uniform": ["step"], "int": ["step"], "list": ["length"]}.get(kind, [])
    for key in entries:
        if key != kind and key not in allowed:
            known = [*allowed, "when"]
            rule = f"'{key}' means nothing beside {kind}.{did_you_mean(key, known)}"
            remedy = f"Possible: {', '.join(known)}"
            raise UserError(f"{rule} {remedy}").within(place)


def _list(entries: Mapping[str, Any], place: str) -> ListOf:
    item = _domain(entries["list"], f"{place}.list")
    if isinstance(item, ListOf) or "when" in entries["list"]:
        rule = "the items of a list are a range or a choice, nothing more"
        raise UserError(Mistake(place=f"{place}.list", rule=rule))
    length = entries.get("length")
    if isinstance(length, bool) or not isinstance(length, int | str):
        rule = "give a whole number, or the key that holds the length"
        raise UserError(Mistake(key=f"{place}.length", value=length, rule=rule))
    if isinstance(length, int) and length < 1:
        rule = "a list has one item or more"
        raise UserError(Mistake(key=f"{place}.length", value=length, rule=rule))
    return ListOf(item=item, length=length)


def _scalar(kind: str, raw: object, step: object, place: str) -> ScalarDomain:
    if kind == "choice":
        return _choice(raw, place)
    low, high = _bounds(raw, place)
    if kind in ("log_uniform", "log_int") and low <= 0:
        remedy = f"a log range begins above 0; raise it, or use {kind.removeprefix('log_')}"
        raise UserError(Mistake(place=place, rule=f"the low end is {low}", remedy=remedy))
    if kind == "log_uniform" and low < 1 / _LARGEST_FLOAT:
        rule = f"the low end of a log range is {1 / _LARGEST_FLOAT:g} or more"
        raise UserError(Mistake(key=place, value=raw, rule=rule))
    if kind in ("uniform", "log_uniform"):
        return FloatRange(
            low=float(low),
            high=float(high),
            log=kind == "log_uniform",
            step=_step(step, low, high, place),
        )
    for bound in (low, high, *([] if step is None else [step])):
        if not isinstance(bound, int) or abs(bound) > _LARGEST_INT:
            rule = f"{bound!r} must be a whole number up to 2**53"
            raise UserError(Mistake(place=place, rule=rule, remedy="mend it, or use uniform"))
    whole_step = _step(step, low, high, place)
    return IntRange(low=int(low), high=int(high), log=kind == "log_int", step=int(whole_step or 1))


def _bounds(raw: object, place: str) -> tuple[int | float, int | float]:
    if not isinstance(raw, list) or len(raw) != 2 or not all(map(is_number, raw)):
        rule = "give two numbers, [low, high], both included"
        raise UserError(Mistake(key=place, value=raw, rule=rule))
    low, high = raw
    if not (_is_finite(low) and _is_finite(high)):
        raise UserError(Mistake(key=place, value=raw, rule="both ends must be finite numbers"))
    if max(abs(low), abs(high)) > _LARGEST_FLOAT:
        rule = f"both ends must lie within {-_LARGEST_FLOAT:g} and {_LARGEST_FLOAT:g}"
        raise UserError(Mistake(key=place, value=raw, rule=rule))
    if low > high:
        rule = f"low ({low}) must be below high ({high})"
        raise UserError(Mistake(place=place, rule=rule, remedy="swap them"))
    if low == high:
        rule = f"low and high are both {low}, which leaves nothing to search"
        remedy = "widen the range, or set the value under `fixed:`"
        raise UserError(Mistake(place=place, rule=rule, remedy=remedy))
    return low, high


def _step(step: object, low: float, high: float, place: str) -> float | None:
    if step is None:
        return None
    if not is_number(step) or not _is_finite(step) or step <= 0:
        raise UserError(f"step is {step!r}: it must be a number above 0").within(place)
    if high - low > _MOST_STEPS * step:
        rule = f"step {step} makes more than {_MOST_STEPS:,.0f} values"
        remedy = f"take {(high - low) / _MOST_STEPS:.1g} or more, or leave step out"
        raise UserError(Mistake(place=place, rule=rule, remedy=remedy))
    width, pace = Decimal(str(high)) - Decimal(str(low)), Decimal(str(step))
    if width % pace:
        reachable = Decimal(str(low)) + width // pace * pace
        rule = f"step {step} does not lead from {low} to {high}, which is included"
        remedy = f"end at {reachable}" if reachable > low else "take a smaller step"
        raise UserError(Mistake(place=place, rule=rule, remedy=f"{remedy}, or change the step"))
    return float(step)


def _choice(raw: object, place: str) -> Choice:
    if not isinstance(raw, list) or len(raw) < 2:
        rule = "give a list of two values or more; a single value belongs under `fixed:`"
        raise UserError(Mistake(key=place, value=raw, rule=rule))
    choice = Choice(options=tuple(raw))
    for index, label in enumerate(choice.labels):
        option = choice.options[index]
        if isinstance(option, Mapping) or (is_number(option) and not _is_finite(option)):
            raise UserError(f"{option!r} cannot be a value: remove it").within(place)
        # Python's own equality on purpose: the study cannot tell 1 from true either.
        if label in choice.labels[:index]:
            raise UserError(f"{option!r} is given twice: remove one").within(place)
    return choice


def _is_finite(number: float) -> bool:
    """Return whether a number is one that a float can be."""
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def _conditions(raw: object, place: str) -> tuple[Condition, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, Mapping) or not raw:
        rule = "give keys with the value, or a list of values, that they must have"
        raise UserError(Mistake(key=f"{place}.when", value=raw, rule=rule))
    conditions = []
    for key, value in raw.items():
        values = tuple(value) if isinstance(value, list) else (value,)
        if not values:
            raise UserError("the list is empty, so it never holds").within(f"{place}.when.{key}")
        conditions.append(Condition(key=str(key), values=values))
    return tuple(conditions)
