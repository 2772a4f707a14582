"""Whether a search space fits the settings of a model, found out before anything starts.

First every parameter for itself (known key, type, values, conditions, length), then settings are
built: with every end of a range and every option, and at random points of the space. The model's
own rules decide whether those are possible, so that no trial finds out that its values are not.
"""

import dataclasses
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from models.config_file import to_config
from models.errors import Mistake, UserError, did_you_mean_of, shortened, unknown_keys
from tuner.search.computed import Computed, Derived
from tuner.search.conditions import Condition
from tuner.search.domains import FloatRange, IntRange, ListOf, ScalarDomain
from tuner.search.feasibility import (
    NUM_DRAWS,
    draw_value,
    infeasible_mistake,
    judge_of_space,
    random_point,
)
from tuner.search.field_kinds import field_kinds, item_kinds
from tuner.search.space import Parameter, Space
from tuner.search.space_order import parents_first

NOT_SEARCHABLE = {
    "epochs": "scheduler.max_epochs sets it for every trial",
    "seed": "a lucky seed is no better setting; `tuner promote` confirms on fresh ones",
    "description": "it changes nothing",
    "save_top_k": "it changes nothing that is measured; keep.top_k says what stays on disk",
}

NUM_RANDOM_POINTS = 200
_EXPR = ".expr"
_NUM_TRIES = 20  # random surroundings in which an end of a range may be possible


def not_searchable(searched: Iterable[str]) -> list[Mistake]:
    """Return the searched keys that no search may have, with the reason."""
    return [
        Mistake(key=f"space.{key}", rule=f"space.{key} cannot be searched: {NOT_SEARCHABLE[key]}")
        for key in searched
        if key in NOT_SEARCHABLE
    ]


def check_entries(
    entries: Sequence[Parameter | Computed],
    searched: Sequence[str],
    base: Any,
    preset: Mapping[str, Any],
    unsure: Collection[str] = (),
) -> list[Mistake]:
    """Return what is wrong with the keys of a space, each for itself.

    Args:
        entries: those that could be read.
        searched: all keys of the space, also those that could not be read.
        base: the model's settings where nothing is searched.
        preset: the same as plain values.
        unsure: keys of the preset whose value is not known.
    """
    known = [field.name for field in dataclasses.fields(base)]
    sound = [entry for entry in entries if entry.key in known]
    by_key = {entry.key: entry for entry in sound if isinstance(entry, Parameter)}
    legal = [each for each in known if each not in NOT_SEARCHABLE]
    unknown = [key for key in searched if key not in known]
    mistakes = unknown_keys(unknown, legal, place="space", rule="the preset has no such key.")
    undecided = {*searched, *unsure}
    for entry in entries:
        if entry.key in known:
            kind_mistakes = _kind_mistakes(entry, type(base))
            mistakes += kind_mistakes or _value_mistakes(entry, type(base))
        for condition in entry.when:
            mistakes += _condition_mistakes(entry, condition, by_key, undecided, preset)
        mistakes += _length_mistakes(entry, by_key, undecided, preset)
        mistakes += _name_mistakes(entry, preset)
    try:
        parents_first(sound)
    except UserError as error:
        mistakes += error.mistakes
    return mistakes


def point_mistakes(space: Space, config_type: type) -> list[Mistake]:
    """Return the ends, options and random points of the space that the settings' rules refuse.

    Points that do not keep the constraints are passed over; one that does there must be. The
    random points follow a fixed seed: the same space is always judged alike.
    """
    judge = judge_of_space(space)
    rng = random.Random(0)
    mistakes = [
        mistake
        for parameter in space.parameters
        for end in parameter.extremes
        for mistake in _end_mistakes(space, parameter, end, config_type, rng)
    ]
    # What a formula gives is refused at every end of what it is made of: once is enough.
    told = {each.place if each.place.endswith(_EXPR) else str(each): each for each in mistakes}
    mistakes = [*told.values(), *_never_active(space, rng)]
    if mistakes:
        return mistakes
    if infeasible := infeasible_mistake(space, judge):
        return [infeasible]
    for _ in range(NUM_RANDOM_POINTS):
        try:
            point = random_point(space, rng)
        except UserError as error:
            return [*error.within("space").mistakes]
        if any(judge(point)):
            continue
        if refusal := _refusal(space.complete(point), config_type):
            shown = ", ".join(f"{key}={value}" for key, value in point.items())
            rule = f"a combination inside it is not possible ({shown}): {_joined(refusal)}."
            remedy = "Narrow a range, or tie the keys together with `when` or `length`"
            return [Mistake(place="space", rule=rule, remedy=remedy)]
    return []


def _kind_mistakes(parameter: Parameter | Computed, config_type: type) -> list[Mistake]:
    """Compare a domain with the type of the key; the values themselves are tried later."""
    if not isinstance(parameter, Parameter):
        return []
    domain, kinds = parameter.domain, field_kinds(config_type, parameter.key)
    place = f"space.{parameter.key}"
    if isinstance(domain, ListOf):
        if "list" not in kinds:
            return [Mistake(place=place, rule=f"the key takes {_either(kinds)}, not a list")]
        domain, kinds = domain.item, item_kinds(config_type, parameter.key)
    if isinstance(domain, FloatRange) and "float" not in kinds:
        remedy = "use int or log_int" if "int" in kinds else "use choice"
        rule = f"the key takes {_either(kinds)}, not any number"
        return [Mistake(place=place, rule=rule, remedy=remedy)]
    if isinstance(domain, IntRange) and "int" not in kinds:
        remedy = "use uniform with step: 1" if "float" in kinds else "use choice"
        rule = f"the key takes {_either(kinds)}, not whole numbers"
        return [Mistake(place=place, rule=rule, remedy=remedy)]
    return []


def _value_mistakes(entry: Parameter | Computed, config_type: type) -> list[Mistake]:
    """Return the ends and options that the key itself refuses, whatever the other keys are."""
    if isinstance(entry, Derived):
        return []
    key, mistakes = entry.key, []
    is_list = isinstance(entry, Parameter) and isinstance(entry.domain, ListOf)
    for end in entry.extremes if isinstance(entry, Parameter) else (entry.constant,):
        settings = {key: [end] if is_list else end}
        own = [
            each
            for each in _refusal(settings, config_type)
            if each.key == key or each.key.startswith(f"{key}.")
        ]
        # A broken rule says more than a wrong type.
        rules = [each.rule for each in own if not each.wrong_type]
        if own:
            takes = f"the key takes {_either(field_kinds(config_type, key))}"
            why = rules[0] if rules else takes
            rule = f"{shortened(repr(end))} is not possible: {why}"
            mistakes.append(Mistake(place=f"space.{key}", rule=rule))
    return mistakes


def _condition_mistakes(
    parameter: Parameter | Computed,
    condition: Condition,
    by_key: Mapping[str, Parameter],
    searched: Collection[str],
    preset: Mapping[str, Any],
) -> list[Mistake]:
    place = f"space.{parameter.key}.when.{condition.key}"
    if condition.key not in preset:
        hint = did_you_mean_of(condition.key, preset).strip()
        return [Mistake(place=place, rule="the preset has no such key.", remedy=hint)]
    if condition.key not in searched:
        if condition.holds(preset):
            return []
        rule = (
            f"never {_listing(condition.values)}, as the preset has "
            f"{condition.key} = {preset[condition.key]!r}"
        )
        remedy = f"search that key too, or remove space.{parameter.key}"
        return [Mistake(place=place, rule=rule, remedy=remedy)]
    parent = by_key.get(condition.key)
    if parent is None:  # its own mistake is reported
        return []
    domain = parent.domain
    if isinstance(domain, ListOf) or (isinstance(domain, FloatRange) and domain.step is None):
        rule = (
            f"{condition.key} is searched over "
            f"{'lists' if isinstance(domain, ListOf) else 'a continuous range'}, "
            "which a condition cannot pick a value of"
        )
        return [Mistake(place=place, rule=rule, remedy="use choice, int or a step there")]
    return [
        Mistake(
            place=place,
            rule=f"{value!r} is not searched in {condition.key}",
            remedy=f"the nearest is {domain.nearest(value)!r}",
        )
        for value in condition.values
        if not domain.contains(value)
    ]


def _name_mistakes(entry: Parameter | Computed, preset: Mapping[str, Any]) -> list[Mistake]:
    unknown = [name for name in entry.parents if name not in preset]
    if not isinstance(entry, Derived) or not unknown:
        return []
    hint = did_you_mean_of(unknown[0], preset).strip()
    rule = f"the preset has no key {unknown[0]}."
    return [Mistake(place=f"space.{entry.key}.expr", rule=rule, remedy=hint)]


def _length_mistakes(
    parameter: Parameter | Computed,
    by_key: Mapping[str, Parameter],
    searched: Collection[str],
    preset: Mapping[str, Any],
) -> list[Mistake]:
    domain = parameter.domain if isinstance(parameter, Parameter) else None
    if not isinstance(domain, ListOf) or isinstance(domain.length, int):
        return []
    place = f"space.{parameter.key}.length"
    if domain.length not in preset:
        hint = did_you_mean_of(domain.length, preset).strip()
        rule = f"the preset has no key {domain.length}."
        return [Mistake(place=place, rule=rule, remedy=hint)]
    if domain.length in searched:
        if domain.length not in by_key:
            return []
        lengths = by_key[domain.length].extremes
    else:
        lengths = (preset[domain.length],)
    if all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for n in lengths):
        return []
    rule = f"{domain.length} may be {_listing(lengths)}: a length is 1, 2, 3, ..."
    return [Mistake(place=place, rule=rule)]


def _never_active(space: Space, rng: random.Random) -> list[Mistake]:
    """Return the keys whose conditions, each possible by itself, hold together at no point."""
    waiting = {entry.key: entry for entry in space.entries if entry.when}
    for _ in range(NUM_DRAWS if waiting else 0):
        with suppress(UserError):  # a formula gives nothing there
            waiting = {key: waiting[key] for key in waiting.keys() - random_point(space, rng)}
        if not waiting:
            break
    for key, entry in list(waiting.items()):
        for _ in range(_NUM_TRIES):
            with suppress(UserError):
                if key in _point_with(space, entry, (), rng):
                    waiting.pop(key, None)
    rule = f"its conditions hold together at none of {NUM_DRAWS:,} points that were drawn"
    remedy = "loosen one (a key that is not active has the preset's value), or remove the key"
    places = [f"space.{entry.key}.when" for entry in space.entries if entry.key in waiting]
    return [Mistake(place=place, rule=rule, remedy=remedy) for place in places]


def _end_mistakes(
    space: Space,
    parameter: Parameter,
    end: Any,
    config_type: type,
    rng: random.Random,
) -> list[Mistake]:
    """Try an end in the preset; if that is refused, with other searched keys moved too."""
    is_plain = not isinstance(parameter.domain, ListOf) and not space.computed
    if is_plain and not _refusal(space.complete({parameter.key: end}), config_type):
        return []
    judge = judge_of_space(space)
    refusal: Sequence[Mistake] = ()
    for _ in range(_NUM_TRIES):
        try:
            point = _point_with(space, parameter, (end,), rng)
        except UserError as error:  # of a formula
            refusal = error.mistakes
            continue
        if any(judge(point)):
            continue
        refusal = _refusal(space.complete(point), config_type)
        if not refusal:
            return []
    if not refusal:  # the constraints leave it out
        return []
    computed = [each for each in refusal if each.key in space.computed_keys]
    if len(computed) < len(refusal):
        rule = f"{shortened(repr(end))} is not possible: {_joined(refusal)}"
        return [Mistake(place=f"space.{parameter.key}", rule=rule)]
    where = f"where {parameter.key} is {shortened(repr(end))}"
    return [
        Mistake(
            place=f"space.{each.key}{_EXPR}",
            rule=f"it gives {shortened(repr(each.value))} {where}: {each.rule}",
        )
        for each in computed
    ]


def _point_with(
    space: Space, entry: Parameter | Computed, values: tuple[Any, ...], rng: random.Random
) -> dict[str, Any]:
    """Draw a point in which the key is active and has one of the values, in a list everywhere."""
    pinned = {entry.key: values}
    pending = [entry]
    while pending:
        for condition in pending.pop().when:
            if condition.key in space.keys and condition.key not in pinned:
                pinned[condition.key] = condition.values
                pending.append(space.parameter(condition.key))

    def pick(name: str, domain: ScalarDomain) -> Any:
        values = pinned.get(name.partition("[")[0])
        return rng.choice(values) if values else draw_value(domain, rng)

    return space.walk(pick)


def _refusal(settings: Mapping[str, Any], config_type: type) -> Sequence[Mistake]:
    """Return why the settings cannot be built; nothing when they can."""
    try:
        to_config(config_type, settings, "")
    except UserError as error:
        return error.mistakes
    return ()


def _joined(mistakes: Iterable[Mistake]) -> str:
    return "; ".join(map(str, mistakes))


def _either(kinds: Iterable[str]) -> str:
    return " or ".join(sorted(kinds))


def _listing(values: Iterable[Any]) -> str:
    return " or ".join(repr(value) for value in values)
