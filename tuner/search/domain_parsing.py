"""The domain of one searched key, from its entry in a search file."""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeGuard

from models.errors import Mistake, UserError, did_you_mean, shortened
from tuner.search.domains import (
    MOST_ITEMS,
    Choice,
    Domain,
    FloatRange,
    IntRange,
    ListOf,
    ScalarDomain,
    is_number,
)

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "float": ("log", "step"),
    "uniform": ("log", "step"),
    "log_uniform": ("step",),
    "int": ("log", "step"),
    "log_int": ("step",),
    "choice": (),
    "list": ("length",),
    "constant": (),
    "expr": (),
}
"""What an entry of a space may be, and what may stand beside; `float` is `uniform`."""

# Larger whole numbers are not exact in the study, which holds every number as a float.
_LARGEST_INT = 2**53
_LARGEST_FLOAT = 1e100
"""The width of a range of larger ones, or what a sampler makes of it, is soon infinite."""
_MOST_STEPS = 1_000_000
_MOST_OPTIONS = 1_000


def parse_domain(raw: object, place: str) -> Domain:
    """Return the domain of a key that is drawn.

    Raises:
        UserError: with the mistake.
    """
    kind, entries = parse_kind(raw, place)
    if kind == "list":
        return _list(entries, place)
    if kind == "choice":
        return _choice(entries[kind], f"{place}.{kind}")
    log = entries.get("log", False)
    if not isinstance(log, bool):
        raise UserError(Mistake(key=f"{place}.log", value=log, rule="give true or false"))
    log = log or kind.startswith("log_")
    return _range(kind, entries[kind], entries.get("step"), f"{place}.{kind}", log=log)


def parse_kind(raw: object, place: str) -> tuple[str, dict[str, Any]]:
    """Return what an entry is, and what it says, less its conditions.

    Raises:
        UserError: it is nothing, two things at once, or something means nothing in it.
    """
    if not isinstance(raw, Mapping):
        hint = "{uniform: [low, high]}" if is_number(raw) else "{choice: [one, another]}"
        hint = f"{{choice: {shortened(str(raw))}}}" if isinstance(raw, list) else hint
        remedy = f"write {hint}, or set a value for every trial under `fixed:`"
        rule = f"{shortened(repr(raw))} is no domain"
        raise UserError(Mistake(place=place, rule=rule, remedy=remedy))
    entries = {str(key): value for key, value in raw.items() if key != "when"}
    found = [kind for kind in entries if kind in OPTIONS]
    if len(found) != 1:
        unknown = next((key for key in entries if key not in OPTIONS), "")
        what = f"has two domains ({', '.join(found)})" if found else "names no domain"
        hint = "" if found else did_you_mean(unknown, OPTIONS)
        remedy = f"give one of {', '.join(OPTIONS)}.{hint}"
        raise UserError(Mistake(place=place, rule=what, remedy=remedy))
    kind = found[0]
    for key in entries:
        if key != kind and key not in OPTIONS[kind]:
            known = [*OPTIONS[kind], "when"]
            rule = f"'{key}' means nothing beside {kind}.{did_you_mean(key, known)}"
            remedy = f"Possible: {', '.join(known)}"
            raise UserError(f"{rule} {remedy}").within(place)
    return kind, entries


def _list(entries: Mapping[str, Any], place: str) -> ListOf:
    inner = entries["list"]
    nested = isinstance(inner, Mapping) and {"list", "when", "constant", "expr"} & inner.keys()
    item = None if nested else parse_domain(inner, f"{place}.list")
    if item is None or isinstance(item, ListOf):
        rule = "the items of a list are a range or a choice, nothing more"
        raise UserError(Mistake(place=f"{place}.list", rule=rule))
    length = entries.get("length")
    if isinstance(length, bool) or not isinstance(length, int | str):
        rule = "give a whole number, or the key that holds the length"
        raise UserError(Mistake(key=f"{place}.length", value=length, rule=rule))
    if isinstance(length, int) and not 1 <= length <= MOST_ITEMS:
        rule = f"a list has 1 to {MOST_ITEMS:,} items"
        raise UserError(Mistake(key=f"{place}.length", value=length, rule=rule))
    return ListOf(item=item, length=length)


def _range(kind: str, raw: object, step: object, place: str, *, log: bool) -> ScalarDomain:
    low, high = _bounds(raw, place)
    if log and low <= 0:
        remedy = f"a log range begins above 0; raise it, or use {kind.removeprefix('log_')}"
        raise UserError(Mistake(place=place, rule=f"the low end is {low}", remedy=remedy))
    if kind not in ("int", "log_int"):
        if log and low < 1 / _LARGEST_FLOAT:
            rule = f"the low end of a log range is {1 / _LARGEST_FLOAT:g} or more"
            raise UserError(Mistake(key=place, value=raw, rule=rule))
        pace = _step(step, low, high, place)
        return FloatRange(low=float(low), high=float(high), log=log, step=pace)
    for bound in (low, high, *([] if step is None else [step])):
        if not isinstance(bound, int) or abs(bound) > _LARGEST_INT:
            rule = f"{bound!r} must be a whole number up to 2**53, without a point"
            near = f"write {round(bound)}" if _is_whole_enough(bound) else "take a smaller one"
            raise UserError(Mistake(place=place, rule=rule, remedy=f"{near}, or use uniform"))
    whole_step = _step(step, low, high, place)
    return IntRange(low=int(low), high=int(high), log=log, step=int(whole_step or 1))


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
    if len(raw) > _MOST_OPTIONS:
        rule = f"it has {len(raw):,} values, and a choice has {_MOST_OPTIONS:,} at most"
        raise UserError(Mistake(place=place, rule=rule, remedy="give a range with a step"))
    choice = Choice(options=tuple(raw))
    labels = choice.labels
    for index, label in enumerate(labels):
        option = choice.options[index]
        if isinstance(option, Mapping) or (is_number(option) and not _is_finite(option)):
            raise UserError(f"{option!r} cannot be a value: remove it").within(place)
        # Python's own equality on purpose: the study cannot tell 1 from true either.
        if label in labels[:index]:
            raise UserError(f"{option!r} is given twice: remove one").within(place)
    return choice


def _is_whole_enough(bound: Any) -> TypeGuard[float]:
    return is_number(bound) and _is_finite(bound) and abs(bound) <= _LARGEST_INT


def _is_finite(number: float) -> bool:
    """Return whether a number is one that a float can be."""
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number of hundreds of digits
        return False
