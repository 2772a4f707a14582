"""The model card that lies beside a promoted preset's checkpoints."""

from collections.abc import Mapping
from typing import Any

from models.config_file import to_mapping
from models.presets import Preset


def first_line(name: str) -> str:
    """Return the first line of the card of a preset."""
    return f"# {name}"


def render_card(preset: Preset, checkpoints: Mapping[str, str]) -> str:
    """Return the card as Markdown.

    Args:
        preset: the promoted preset, with its provenance.
        checkpoints: what is said of each file, by its name, the best first.
    """
    provenance: Mapping[str, Any] = preset.provenance or {}
    metric = provenance["metric"]
    confirmed = (
        "Confirmed on fresh seeds."
        if provenance["confirmed"]
        else "Not confirmed on fresh seeds: the value is the best of many trials, so expect less."
    )
    lines = [
        first_line(preset.name),
        "",
        f"A preset of the model `{preset.model}` with trained checkpoints. {confirmed}",
        "",
        f"- {metric['name']}: {metric['value']:.4f} after epoch {metric['epoch']}, the best one; "
        f"{provenance['last_value']:.4f} after epoch {provenance['trial']['epochs']}, the last one",
        f"- trial {provenance['trial']['number']} of the run `{provenance['run']}`, "
        f"{provenance['trial']['state']}, {provenance['trial']['epochs']} epochs trained",
        f"- data: {_words(provenance['data'])}",
        f"- searched around the preset `{provenance['parent_preset']}`",
        "",
        "Train from it:",
        "",
        f"    python -m models.{preset.model}.train --config {preset.name} ...",
        "",
        "| checkpoint | |",
        "|---|---|",
        *(f"| `{name}` | {said} |" for name, said in checkpoints.items()),
        "",
        "| setting | value |",
        "|---|---|",
        *(f"| {key} | {value} |" for key, value in to_mapping(preset.config).items()),
        "",
        "| provenance | |",
        "|---|---|",
        *(f"| {key} | {_words(value)} |" for key, value in provenance.items()),
    ]
    return "\n".join(lines) + "\n"


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(item)}" for key, item in value.items())
    return str(value)
