"""`tuner presets`: the presets there are, and one of them as YAML."""

import sys
from collections.abc import Sequence
from typing import Any

from models.config_file import to_config
from models.errors import UserError, unknown_name
from models.model_spec import ModelCost
from models.presets import Preset, list_presets, render_preset
from models.registry import model_spec
from tuner.console import output
from tuner.overrides import apply_overrides
from tuner.table import presets_table


def show_presets(model: str | None) -> None:
    """Print the presets of one model or of all.

    Raises:
        UserError: no such model, or a preset file is malformed.
    """
    if model is not None:
        model_spec(model)
    presets = list_presets(model)
    counts = {preset.name: _usual_cost(preset).num_parameters for preset in presets}
    console = output()
    console.print(presets_table(presets, counts))
    for name in sorted({preset.model for preset in presets}):
        console.print(f"parameters of {name}: for {model_spec(name).usual_data}")


def show_preset(name: str, model: str | None, data: Sequence[str]) -> None:
    """Print a preset as YAML, with what its model costs on the given data.

    Raises:
        UserError: no such preset, several of this name, or data that cannot be loaded.
    """
    preset = _find(name, model)
    checkpoints = [f"\ncheckpoint: {path}" for path in preset.checkpoints]
    where = "built in" if preset.built_in else str(preset.source)
    cost = _cost(preset, apply_overrides({}, data))
    header = f"preset of {preset.model}, {where}\nparameters: {cost}" + "".join(checkpoints)
    sys.stdout.write(render_preset(preset, header))


def _find(name: str, model: str | None) -> Preset:
    presets = list_presets(model)
    found = [preset for preset in presets if preset.name == name]
    if not found:
        raise unknown_name("preset", name, [preset.name for preset in presets])
    if len(found) > 1:
        models = ", ".join(preset.model for preset in found)
        raise UserError(f"several models have a preset '{name}' ({models}): pass --model")
    return found[0]


def _cost(preset: Preset, data: dict[str, Any]) -> str:
    spec = model_spec(preset.model)
    cost, source = _usual_cost(preset), f"{spec.usual_data}; --data KEY=VALUE ... for others"
    if data:
        dataset = spec.load_data(to_config(spec.data_type, data, "--data"), None)
        cost, source = spec.describe_cost(preset.config, dataset), "the given data"
    return (
        f"{cost.num_parameters:,}, about {cost.memory_mb:,.0f} MB of memory in training, "
        f"{cost.checkpoint_mb:,.0f} MB a checkpoint (for {source})"
    )


def _usual_cost(preset: Preset) -> ModelCost:
    return model_spec(preset.model).describe_cost(preset.config, None)
