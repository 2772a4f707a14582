"""`tuner presets`: the presets there are, and one of them as YAML."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from models.config_file import to_config
from models.errors import UserError, unknown_name
from models.presets import Preset, find_preset, preset_names, render_preset, survey_presets
from models.registry import MODELS, model_spec
from models.training.contracts import ModelCost
from models.wording import count
from tuner.commands.console import output
from tuner.commands.tables import difference_table, presets_table
from tuner.promotion.changes import changed_keys
from tuner.search.overrides import apply_overrides


def show_presets(model: str | None) -> None:
    """Print the presets of one model or of all; those that cannot be read do not hide the others.

    Raises:
        UserError: no such model; or, once the others are shown, a preset or file is malformed:
            the list is not whole then, which a script can tell by the exit code.
    """
    survey = survey_presets(MODELS.values() if model is None else [model_spec(model)])
    costs = {(one.model, one.name): (_cost_as_trained(one), one) for one in survey.presets}
    counts = {key: (cost or _usual_cost(one)).num_parameters for key, (cost, one) in costs.items()}
    console = output()
    console.print(presets_table(survey.presets, counts))
    for name in sorted({preset.model for preset in survey.presets}):
        trained = any(cost is not None for (model, _), (cost, _) in costs.items() if model == name)
        but = "; of promoted ones for the data that they were trained on" if trained else ""
        console.print(f"parameters of {name}: for {model_spec(name).usual_data}{but}")
    if survey.mistakes:
        sys.stdout.flush()  # the list stands above the message
        raise UserError("not in the list, mend the file or remove it:", *survey.mistakes)


def show_preset(name: str, model: str | None, data: Sequence[str]) -> None:
    """Print a preset as YAML, with what its model costs on the given data, or on its own.

    Raises:
        UserError: no such preset, several of this name, or data that cannot be loaded.
    """
    preset = find_named(name, model)
    checkpoints = [f"\ncheckpoint: {path}" for path in preset.checkpoints]
    where = "built in" if preset.built_in else str(preset.source)
    cost = _cost(preset, apply_overrides({}, data, "--data", "num_rows=1600"))
    header = f"preset of {preset.model}, {where}\nparameters: {cost}" + "".join(checkpoints)
    sys.stdout.write(render_preset(preset, header))


def show_difference(one: str, other: str, model: str | None) -> None:
    """Print the keys in which two presets of a model differ, or that none does.

    Raises:
        UserError: no such preset, or they are of two models.
    """
    first, second = find_named(one, model), find_named(other, model)
    if first.model != second.model:
        raise UserError(
            f"'{one}' is a preset of {first.model} and '{other}' one of {second.model}, which have "
            "other keys: compare presets of one model"
        )
    changes = changed_keys(first.config, second.config)
    changes.pop("description", None)
    if not changes:
        output().print(f"{one} and {other} differ in no key but their description")
        return
    output().print(difference_table(first, second, changes))


def find_named(name: str, model: str | None) -> Preset:
    """Return the preset of this name, of whatever model has it.

    Raises:
        UserError: no such preset, or several models have one.
    """
    if model is not None:
        return find_preset(model_spec(model), name)
    names = {each: preset_names(spec) for each, spec in MODELS.items()}
    holders = [each for each in MODELS if name in names[each]]
    if not holders:
        error = unknown_name("preset", name, {each for found in names.values() for each in found})
        raise UserError(*error.mistakes, *survey_presets(MODELS.values()).mistakes)
    if len(holders) > 1:
        raise UserError(
            f"several models have a preset '{name}' ({', '.join(holders)}): pass --model"
        )
    return find_preset(model_spec(holders[0]), name)


def _cost(preset: Preset, data: dict[str, Any]) -> str:
    """Return what a preset costs on given data, else on those that it was trained on, in words."""
    spec = model_spec(preset.model)
    own = (preset.provenance or {}).get("data", {})
    if data:
        dataset = spec.load_data(to_config(spec.data_type, data, "--data"), None)
        return _words(spec.describe_cost(preset.config, dataset), "the given data")
    if (cost := _cost_as_trained(preset)) is not None:
        rows = f", {count(own['num_train'], 'training row')}" if own.get("num_train") else ""
        source = f"the data that it was trained on{rows}; --data KEY=VALUE ... for others"
        return _words(cost, source)
    others = _flags(own.get("settings", {})) or "--data KEY=VALUE ... for others"
    return _words(_usual_cost(preset), f"{spec.usual_data}; {others}")


def _words(cost: ModelCost, source: str) -> str:
    return (
        f"{cost.num_parameters:,}, about {cost.memory_mb:,.0f} MB of memory in training, "
        f"{cost.checkpoint_mb:,.0f} MB a checkpoint (for {source})"
    )


def _flags(settings: Mapping[str, Any]) -> str:
    """Return what to type to count for the data that a preset was found on; "" where unknown."""
    given = [f"--data {shlex.quote(f'{key}={_text(value)}')}" for key, value in settings.items()]
    return f"for those that it was found on: {' '.join(given)}" if given else ""


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cost_as_trained(preset: Preset) -> ModelCost | None:
    """Return what a preset costs on the data of its checkpoints, if it has any and can tell."""
    from models.training.checkpoints import read_checkpoint  # which imports torch

    cost_as_trained = model_spec(preset.model).cost_as_trained
    if cost_as_trained is None or not preset.checkpoints:
        return None
    with suppress(UserError):  # a broken one: `use` says so
        return cost_as_trained(preset.config, read_checkpoint(preset.checkpoints[0], mmap=True))
    return None


def _usual_cost(preset: Preset) -> ModelCost:
    return model_spec(preset.model).describe_cost(preset.config, None)
