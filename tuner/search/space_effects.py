"""Whether what a search sets or searches can act at all, by what the model declares of its keys."""

from collections.abc import Iterable, Mapping
from typing import Any

from models.effects import Applies, plain
from models.errors import Mistake
from tuner.search.computed import Computed
from tuner.search.conditions import Condition
from tuner.search.domains import Choice, FloatRange, IntRange, ListOf
from tuner.search.space import Parameter, Space

_MANY = 20
_NAMES = {"epochs": "scheduler.max_epochs"}
"""Keys of the settings that a search sets elsewhere."""


def effect_mistakes(
    space: Space, fixed: Mapping[str, Any], applies: Iterable[Applies]
) -> list[Mistake]:
    """Return the searched and fixed keys that never act, whatever the other keys are."""
    mistakes = []
    for each in applies:
        never = not _may_act(each, space)
        if never and each.key in fixed and each.concerns(fixed[each.key]):
            key = f"fixed.{each.key}"
            rule = f"{key} ({plain(fixed[each.key])}) {_no_effect(each, space)}"
            remedy = f"remove it, or take {_needs(each)}"
            mistakes.append(Mistake(key=key, rule=rule, remedy=remedy))
        if never and each.key in _entries(space) and _is_searched_for(each, space):
            what, remedy = _what(each)
            rule = f"space.{each.key}{what} {_no_effect(each, space)}"
            remedy = f"{remedy}, or take {_needs(each)}"
            mistakes.append(Mistake(key=f"space.{each.key}", rule=rule, remedy=remedy))
    return mistakes


def effect_advice(space: Space, applies: Iterable[Applies]) -> list[str]:
    """Return the searched keys that act at some points of the space only, with what to add."""
    return [
        f"space.{each.key} acts only with {_needs(each)} ({each.why}): add "
        f"`when: {{{each.on}: {_acting_words(each, space)}}}`, so that no trial searches it in vain"
        for each in applies
        if not each.of
        and each.key in space.keys
        and each.on in space.keys
        and (values := _values(each, space)) is not None
        and any(map(each.holds_with, values))
        and not all(map(each.holds_with, values))
    ]


def _needs(each: Applies) -> str:
    return each.needs.replace(each.on, _NAMES.get(each.on, each.on), 1)


def _what(each: Applies) -> tuple[str, str]:
    if not each.of:
        return "", "remove it"
    shown = " and ".join(map(plain, each.of))
    return f": {shown}", f"remove {shown} from its choices"


def _no_effect(each: Applies, space: Space) -> str:
    """Say why the key never acts."""
    own = _condition(each, space)
    if own is not None:
        state = f"its `when` asks for {each.on} {' or '.join(map(plain, own.values))}"
    elif each.on in space.keys:
        domain = space.parameter(each.on).domain.to_mapping()
        over = ", ".join(f"{key}: {plain(value)}" for key, value in domain.items())
        state = f"{each.on} is searched over {over}"
    else:
        state = f"{_NAMES.get(each.on, each.on)} is {plain(space.preset[each.on])}"
    return f"would have no effect: {each.why}, and {state}"


def _condition(each: Applies, space: Space) -> Condition | None:
    """Return the condition on the other key that the key is searched under, if there is one."""
    entry = _entries(space).get(each.key)
    return next((own for own in entry.when if own.key == each.on), None) if entry else None


def _entries(space: Space) -> dict[str, Parameter | Computed]:
    return {entry.key: entry for entry in space.entries}


def _is_searched_for(each: Applies, space: Space) -> bool:
    """Return whether a value that this is said of is among those searched."""
    if each.key not in space.keys:
        return not each.of
    domain = space.parameter(each.key).domain
    if not each.of or isinstance(domain, ListOf):
        return True
    return any(domain.contains(value) for value in each.of)


def _may_act(each: Applies, space: Space) -> bool:
    """Return whether the key acts at some point of the space; a computed one may be anything."""
    if any(each.on == entry.key for entry in space.computed):
        return True
    values = _values(each, space)
    if values is not None:
        return any(map(each.holds_with, values))
    domain = space.parameter(each.on).domain
    assert isinstance(domain, FloatRange | IntRange)
    if each.above is not None:
        return domain.high > each.above
    return any(domain.contains(value) for value in each.values)


def _values(each: Applies, space: Space) -> list[Any] | None:
    """Return what the other key may be where the key is searched; None stands for very many."""
    if each.on not in space.keys:
        return [space.preset[each.on]]
    parent = space.parameter(each.on)
    searched = _domain_values(parent)
    if searched is None:
        return None
    values = searched + ([space.preset[each.on]] if parent.when else [])
    own = _condition(each, space)
    return values if own is None else [value for value in values if value in own.values]


def _domain_values(parameter: Parameter) -> list[Any] | None:
    domain = parameter.domain
    if isinstance(domain, Choice):
        return list(domain.options)
    if isinstance(domain, IntRange) and (domain.high - domain.low) // domain.step < _MANY:
        return list(range(domain.low, domain.high + 1, domain.step))
    return None


def _acting_words(each: Applies, space: Space) -> str:
    words = [plain(value) for value in _values(each, space) or [] if each.holds_with(value)]
    return words[0] if len(words) == 1 else f"[{', '.join(dict.fromkeys(words))}]"
