"""The `scheduler:` block against the rest of a search: idle keys, and rungs inside an annealing.

While a loss is annealed, trials with annealings of different lengths train for different aims. At a
rung there one is stopped for its phase, not for its setting. A model declares which keys hold the
length of an annealing (`ModelSpec.annealing`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from models.effects import Applies
from models.errors import Mistake, UserError
from models.training.contracts import ModelSpec
from tuner.search.blocks import AFTER_ANNEALING, SCHEDULER_KEYS, SchedulerConfig
from tuner.search.conditions import Condition
from tuner.search.domains import Choice, ListOf
from tuner.search.feasibility import met_values
from tuner.search.space import Space


def idle_scheduler_keys(content: Mapping[str, Any]) -> list[Mistake]:
    """Return a mistake for every key of the block that its scheduler does not know."""
    name = content.get("name", "asha")
    if name not in SCHEDULER_KEYS:
        return []
    known = SCHEDULER_KEYS[name]
    owned = dict.fromkeys(key for keys in SCHEDULER_KEYS.values() for key in keys)
    why = ", which stops no trial" if not known else ""
    return [
        Mistake(
            key=f"scheduler.{key}",
            rule=f"scheduler.{key} means nothing to {name}{why}",
            remedy="remove it",
        )
        for key in owned
        if key in content and key not in known
    ]


def scheduler_content(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the block with those defaults that depend on its other keys.

    Nobody chose a default, so one that does not fit to what was chosen gives way: trials of one
    epoch are not compared before their end, and few epochs are halved for a population.
    """
    name, epochs = content.get("name"), content.get("max_epochs")
    if type(epochs) is not int:
        return dict(content)
    if name == "pbt" and 1 < epochs <= SchedulerConfig.interval_epochs:
        return {"interval_epochs": epochs // 2, **content}
    if epochs == 1 and not {"name", *SCHEDULER_KEYS["asha"]} & content.keys():
        return {"name": "fifo", **content}
    return dict(content)


def resolve_grace(scheduler: SchedulerConfig, space: Space, spec: ModelSpec) -> SchedulerConfig:
    """Return the scheduler with `after_annealing` as a number, the same for all trials.

    Rungs of its own for every trial would compare scores of different epochs with each other.

    Raises:
        UserError: the model anneals nothing, or no epoch is left after the longest annealing.
    """
    if scheduler.grace_epochs != AFTER_ANNEALING:
        return scheduler
    key = "scheduler.grace_epochs"
    place = f"{key} is {AFTER_ANNEALING}"
    longest = annealings(space, spec)
    if not longest:
        reason = "nothing is annealed in this search" if spec.annealing else f"{spec.name} has none"
        rule = f"{place}, and {reason}"
        raise UserError(Mistake(key=key, rule=rule, remedy="give a number of epochs"))
    name, epochs = max(longest.items(), key=lambda item: item[1])
    if epochs + 1 >= scheduler.max_epochs:
        rule = (
            f"{place}, and the longest annealing takes {epochs} of {scheduler.max_epochs} epochs "
            f"({name}), so no rung would be left"
        )
        remedy = f"raise scheduler.max_epochs above {epochs + 1}, lower {name}, or take name: fifo"
        raise UserError(Mistake(key=key, rule=rule, remedy=remedy))
    return replace(scheduler, grace_epochs=epochs + 1)


def rung_advice(scheduler: SchedulerConfig, space: Space, spec: ModelSpec) -> list[str]:
    """Return a line where trials are compared while annealings of searched lengths go on."""
    if "grace_epochs" not in SCHEDULER_KEYS[scheduler.name]:
        return []
    searched = {key: n for key, n in annealings(space, spec).items() if key in space.keys}
    name, epochs = max(searched.items(), key=lambda item: item[1], default=("", 0))
    compared = scheduler.rungs or (float(scheduler.grace),)
    early = [f"{rung:g}" for rung in compared if rung <= epochs]
    if not early:
        return []
    where = f"epoch{'' if len(early) == 1 else 's'} {', '.join(early)}"
    return [
        f"scheduler compares trials at {where}, and the annealing of one may take {epochs} epochs "
        f"({name}), so that they train for different aims then: take grace_epochs: "
        f"{AFTER_ANNEALING} ({epochs + 1}), or search shorter ones"
    ]


def annealings(space: Space, spec: ModelSpec) -> dict[str, int]:
    """Return the keys that anneal something somewhere in the space, with the most epochs of it."""
    found = {}
    for key, share in spec.annealing.items():
        declared = [each for each in spec.applies if each.key == key]
        if all(any(map(each.holds_with, _values(each.on, space))) for each in declared):
            found[key] = math.ceil(max(_values(key, space, declared)) * share)
    return {key: epochs for key, epochs in found.items() if epochs > 0}


def _values(key: str, space: Space, applies: Sequence[Applies] = ()) -> tuple[Any, ...]:
    """Return the extremes of a searched key; where it may be inactive, the preset's value too.

    Not so where it is inactive at no point but those at which `applies` says that it has no effect.
    """
    if key in space.computed_keys:
        return tuple(met_values(space, key))
    if key not in space.keys:
        return (space.preset[key],)
    parameter = space.parameter(key)
    assert not isinstance(parameter.domain, ListOf)
    rests = not all(_is_idle_without(one, space, applies) for one in parameter.when)
    return (*parameter.extremes, *([space.preset[key]] if rests else []))


def _is_idle_without(condition: Condition, space: Space, applies: Sequence[Applies]) -> bool:
    """Return whether a key has no effect wherever a condition that it is searched under fails."""
    key = condition.key
    if key in space.computed_keys:
        return False
    values = [space.preset[key]]
    if key in space.keys:
        domain = space.parameter(key).domain
        if not isinstance(domain, Choice):
            return False
        values += domain.options
    others = [value for value in values if not condition.holds({key: value})]
    declared = [each for each in applies if each.on == key]
    return all(any(not each.holds_with(value) for each in declared) for value in others)
