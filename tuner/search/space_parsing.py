"""The `space:` block of a search file into a `Space`, every mistake reported at once.

beta: {log_uniform: [1e-3, 1.0]}
dropout: {uniform: [0.0, 0.5], step: 0.1}
z_dim: {int: [16, 64], step: 8}
encoder_hidden: {int: [32, 256], log: true, step: 32}
cyclical_beta: {choice: [true, false]}
cycle_epochs: {int: [4, 20], when: {cyclical_beta: true}}
encoder_kernel: {list: {choice: [3, 5, 7]}, length: encoder_conv_layers}
kl_anneal_epochs: {expr: 2 * cycle_epochs}
decoder_dropout: {constant: 0.1, when: {decoder_layers: [2, 3]}}
"""

from collections.abc import Collection, Mapping
from typing import Any

from models.config_file import to_mapping
from models.errors import Mistake, UserError
from tuner.errors import SearchInvalid
from tuner.search.computed import Computed, Constant, Derived
from tuner.search.conditions import Condition
from tuner.search.constraints import parse_constraints
from tuner.search.domain_parsing import parse_domain, parse_kind
from tuner.search.expressions import parse_expression
from tuner.search.field_kinds import field_kinds
from tuner.search.space import Parameter, Space
from tuner.search.space_check import check_entries, not_searchable, point_mistakes
from tuner.search.space_order import parents_first


def parse_space(
    raw: object,
    base: Any,
    source: str,
    unsure: Collection[str] = (),
    *,
    constraints: object = None,
    check_points: bool = True,
) -> Space:
    """Build the space over the keys of a model's settings.

    Args:
        raw: the plain YAML value of `space:`.
        base: the model's settings that hold where nothing is searched.
        source: the file, for messages.
        unsure: keys of `base` of which nobody knows what they will be; where there are any, what
            depends on them and combinations of keys are not judged.
        constraints: the plain YAML value of `constraints:`.
        check_points: whether any key and any combination may be refused. The space of an old run
            is what it was; that of a confirmation has seeds, and points that are listed.

    Raises:
        SearchInvalid: with every mistake, each beginning with its key (`space.beta: ...`).
    """
    if not isinstance(raw, Mapping) or not raw:
        remedy = "name at least one key of the preset, for example lr: {log_uniform: [1e-4, 1e-2]}"
        rule = "nothing is searched"
        nothing = (
            Mistake(key="space", value=raw, rule=rule, remedy=remedy)
            if raw
            else Mistake(place="space", rule=rule, remedy=remedy)
        )
        raise SearchInvalid(source, [nothing])
    mistakes: list[str | Mistake] = []
    preset = to_mapping(base)
    rules = ()
    try:
        rules = parse_constraints(constraints, preset)
    except UserError as error:
        mistakes += error.mistakes
    entries = [entry for key in raw if (entry := _entry(str(key), raw[key], type(base), mistakes))]
    searched = [str(key) for key in raw]
    if check_points:
        mistakes += not_searchable(searched)
    mistakes += check_entries(entries, searched, base, preset, unsure)
    parameters = [each for each in entries if isinstance(each, Parameter)]
    mistakes += [
        Mistake(place=f"constraints[{index}]", rule=rule, remedy="remove it, or search one of them")
        for index, each in enumerate(rules)
        if not each.is_of_cost and not set(searched) & set(each.expression.names)
        for rule in [f"`{each.expression.text}` is of no searched key, so no point changes it"]
    ]
    if not mistakes and not parameters:
        rule = "nothing is searched: all its keys are constant or follow from others"
        mistakes.append(Mistake(place="space", rule=rule, remedy="give one of them a range"))
    if mistakes:
        raise SearchInvalid(source, mistakes)
    ordered = parents_first(entries)
    space = Space(
        parameters=tuple(each for each in ordered if isinstance(each, Parameter)),
        computed=tuple(each for each in ordered if not isinstance(each, Parameter)),
        constraints=rules,
        preset=preset,
    )
    mistakes += [] if unsure or not check_points else point_mistakes(space, type(base))
    if mistakes:
        raise SearchInvalid(source, mistakes)
    return space


def _entry(
    key: str, raw: object, config_type: type, mistakes: list[str | Mistake]
) -> Parameter | Computed | None:
    """Parse one entry; a mistake in the domain does not hide one in the conditions."""
    place = f"space.{key}"
    when: tuple[Condition, ...] = ()
    try:
        when = _conditions(raw.get("when"), place) if isinstance(raw, Mapping) else ()
    except UserError as error:
        mistakes += error.mistakes
    try:
        kind, entries = parse_kind(raw, place)
        if kind == "constant":
            return Constant(key=key, constant=entries[kind], when=when)
        if kind == "expr":
            expression = parse_expression(entries[kind], f"{place}.expr")
            whole = _takes_whole_numbers(config_type, key)
            return Derived(key=key, expression=expression, whole=whole, when=when)
        return Parameter(key=key, domain=parse_domain(raw, place), when=when)
    except UserError as error:
        mistakes += error.mistakes
        return None


def _takes_whole_numbers(config_type: type, key: str) -> bool:
    try:
        kinds = field_kinds(config_type, key)
    except KeyError:  # it is told as unknown
        return False
    return "int" in kinds and "float" not in kinds


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
            rule = "the list is empty, so it never holds"
            raise UserError(Mistake(place=f"{place}.when.{key}", rule=rule))
        conditions.append(Condition(key=str(key), values=values))
    return tuple(conditions)
