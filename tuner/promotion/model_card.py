"""The model card that lies beside a promoted preset's checkpoints."""

from collections.abc import Iterator, Mapping
from typing import Any

from models.config_file import to_mapping
from models.presets import Preset
from models.registry import model_spec
from models.training.contracts import PARAMS, ModelSpec
from models.wording import count
from tuner.record.confirmations import mean_words
from tuner.record.values import value_words
from tuner.search.compared_rows import rows_words

_NO_LIMIT = "What it was not trained on, it has not been judged on."


def first_line(name: str) -> str:
    """Return the first line of the card of a preset."""
    return f"# {name}"


def kept_words(spec: ModelSpec, metric: str) -> str | None:
    """Return what a training from a preset keeps, where the preset's value is by another metric."""
    if metric in (spec.main_metric, PARAMS.name):
        return None
    return (
        f"Its {metric} is that of the best epoch by {metric}. A training keeps the best by "
        f"{spec.main_metric}, which may be less good in {metric}."
    )


def render_card(preset: Preset, checkpoints: Mapping[str, str]) -> str:
    """Return the card as Markdown.

    Args:
        preset: the promoted preset, with its provenance.
        checkpoints: what is said of each file, by its name, the best first.
    """
    spec = model_spec(preset.model)
    provenance: Mapping[str, Any] = preset.provenance or {}
    lines = [
        first_line(preset.name),
        "",
        f"A preset of the model `{preset.model}` with trained checkpoints. "
        f"{_confirmed(provenance)}",
        "",
        f"{preset.config.description}.",
        "",
        *_facts(provenance),
        "",
        "Load it (from this folder, or with its path before the name):",
        "",
        *(f"    {line}".rstrip() for line in _loading(spec, checkpoints)),
        "",
        "Train from it:",
        "",
        f"    {spec.training_command(preset.name)} ...",
        "",
        "## Limits",
        "",
        *(f"- {line}" for line in _limits(spec, provenance)),
        "",
        "## Details",
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


def _confirmed(provenance: Mapping[str, Any]) -> str:
    if provenance["confirmed"]:
        return "Confirmed on fresh seeds."
    return "Not confirmed on fresh seeds: the value is the best of many trials, so expect less."


def _facts(provenance: Mapping[str, Any]) -> Iterator[str]:
    metric, trial = provenance["metric"], provenance["trial"]
    if confirmation := provenance.get("confirmation"):
        against = confirmation["against"]
        yield (
            f"- {metric['name']} on fresh seeds: {_by_seed(confirmation['values'])}, against "
            f"{_by_seed(against['values'])} of `{against['preset']}`"
        )
    last = provenance["last_value"]
    yield (
        f"- {metric['name']}: {value_words(metric['value'])}{rows_words(metric)} after epoch "
        f"{metric['epoch']}, the best one; "
        f"{'none' if last is None else value_words(last)} after epoch {trial['epochs']}, "
        "the last one"
    )
    yield (
        f"- trial {trial['number']} of the run `{provenance['run']}`, {trial['state']}, "
        f"{count(trial['epochs'], 'epoch')} trained"
    )
    yield f"- weights: {provenance['weights']}"
    yield f"- data: {_words(provenance['data'])}"
    yield f"- searched around the preset `{provenance['parent_preset']}`"


def _by_seed(values: Mapping[str, float]) -> str:
    seeds = ", ".join(f"{seed}: {value_words(value)}" for seed, value in values.items())
    return f"{mean_words(values)} (seeds {seeds})"


def _loading(spec: ModelSpec, checkpoints: Mapping[str, str]) -> list[str]:
    best = next(iter(checkpoints), "NAME.ckpt")
    return spec.example.format(checkpoint=best).splitlines()


def _limits(spec: ModelSpec, provenance: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{provenance['metric']['name']} is of the validation rows by which the search chose: "
        "rows that nothing was chosen by may give less."
    )
    if part := provenance["metric"].get("val_rows"):
        yield (
            f"The search compared trials by {part:,} of the validation rows, the same in all of "
            "them: the value by all rows may be another."
        )
    if kept := kept_words(spec, provenance["metric"]["name"]):
        yield kept
    if not provenance["confirmed"]:
        yield "One training, the luckiest of a search, says little of the next one."
    yield spec.limits or _NO_LIMIT


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(item)}" for key, item in value.items())
    return str(value)
