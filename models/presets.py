"""Presets: complete, named training settings, built in or from the user's own YAML files.

A preset file is a mapping from names to settings, as in `models/grammar_vae/configs.yaml`. User
files are looked up as `<folder>/<model>/*.yaml`, in the folders of `TUNER_PRESETS` or `./presets`.
A promoted preset also carries a `provenance` block and a folder of checkpoints of its name.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.config_file import dump_yaml, read_yaml, to_config, to_mapping
from models.errors import UserError, unknown_name
from models.registry import MODELS, model_spec

FOLDERS_VARIABLE = "TUNER_PRESETS"
PROVENANCE = "provenance"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A complete, validated training setting with its name.

    Attributes:
        config: an object of the model's `config_type`.
        source: the YAML file it stands in.
        provenance: where a promoted preset came from, or None.
    """

    name: str
    model: str
    config: Any
    source: Path
    provenance: Mapping[str, Any] | None = None

    @property
    def built_in(self) -> bool:
        """Whether the preset ships with the model."""
        return self.source == model_spec(self.model).presets_file

    @property
    def checkpoints(self) -> list[Path]:
        """The checkpoint files that lie beside a promoted preset, sorted by name."""
        folder = self.source.parent / self.name
        return [] if self.built_in else sorted(folder.glob("*.ckpt"))


@dataclass(frozen=True, kw_only=True)
class PresetSurvey:
    """All presets that can be read, and a message for every file and preset that cannot."""

    presets: tuple[Preset, ...]
    mistakes: tuple[str, ...]


@dataclass(kw_only=True)
class _Found:
    """What the preset files of a model hold.

    Attributes:
        settings: file and raw settings by name, in file order.
        broken: a message for every file that is no preset file.
        twice: a message for every name that is used again.
    """

    settings: dict[str, tuple[Path, Mapping[str, Any]]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    twice: dict[str, str] = field(default_factory=dict)


def preset_folders() -> list[Path]:
    """Return where user presets are looked up: `TUNER_PRESETS`, else `./presets`."""
    given = os.environ.get(FOLDERS_VARIABLE)
    return [Path(part) for part in given.split(os.pathsep)] if given else [Path("presets")]


def list_presets(model: str | None = None) -> list[Preset]:
    """Return the presets of one model or of all, built-in ones first, in file order.

    Raises:
        UserError: a preset file is malformed, or a name is used twice.
    """
    survey = survey_presets(model)
    if survey.mistakes:
        raise UserError("\n".join(survey.mistakes))
    return list(survey.presets)


def survey_presets(model: str | None = None) -> PresetSurvey:
    """Return the presets of one model or of all, and what stands in the way of others."""
    presets: list[Preset] = []
    mistakes: list[str] = []
    for each in [model] if model else list(MODELS):
        found = _find_all(each)
        mistakes += [*found.broken, *found.twice.values()]
        for name, (path, settings) in found.settings.items():
            try:
                presets.append(_build(each, name, settings, path))
            except UserError as error:
                mistakes.append(str(error))
    return PresetSurvey(presets=tuple(presets), mistakes=tuple(mistakes))


def preset_names(model: str) -> list[str]:
    """Return the names of a model's presets in all files that can be read, sound or not."""
    return list(_find_all(model).settings)


def find_preset(model: str, name: str) -> Preset:
    """Return the preset of this name.

    Raises:
        UserError: no such preset (the nearest is named, as are files that cannot be read), its
            name is used twice, or its settings are invalid; mistakes elsewhere do not matter.
    """
    found = _find_all(model)
    if name in found.twice:
        raise UserError(found.twice[name])
    if name not in found.settings:
        raise UserError("\n".join([_unknown(model, name, found), *_not_read(found.broken)]))
    path, settings = found.settings[name]
    return _build(model, name, settings, path)


def render_preset(preset: Preset, header: str = "") -> str:
    """Return the preset as the text of a preset file, every key written out."""
    settings = to_mapping(preset.config)
    if preset.provenance is not None:
        settings[PROVENANCE] = dict(preset.provenance)
    return dump_yaml({preset.name: settings}, header)


def _find_all(model: str) -> _Found:
    """Read the preset files of a model, in file order."""
    found = _Found()
    for path in _files(model):
        try:
            content = _read(path)
        except UserError as error:
            found.broken.append(str(error))
            continue
        for name, settings in content.items():
            if name in found.settings:
                first = found.settings[name][0]
                message = f"{path}: the preset '{name}' is also in {first}: rename one"
                found.twice.setdefault(name, message)
            else:
                found.settings[name] = (path, settings)
    return found


def _not_read(broken: Sequence[str]) -> list[str]:
    return [f"not read, so its presets are not known: {message}" for message in broken]


def _unknown(model: str, name: str, found: _Found) -> str:
    """Say that there is no such preset, and which other model has one of this name."""
    others = [other for other in MODELS if other != model and name in preset_names(other)]
    hint = f". A preset of this name belongs to {' and '.join(others)}" if others else ""
    return f"{unknown_name(f'{model} preset', name, found.settings)}{hint}"


def _files(model: str) -> Iterator[Path]:
    yield model_spec(model).presets_file
    for folder in preset_folders():
        yield from sorted((folder / model).glob("*.yaml"))


def _read(path: Path) -> dict[str, Mapping[str, Any]]:
    content = read_yaml(path)
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(settings, dict) for name, settings in content.items()
    ):
        raise UserError(f"{path}: a preset file maps names to settings (name: {{z_dim: 56, ...}})")
    return content


def _build(model: str, name: str, settings: Mapping[str, Any], path: Path) -> Preset:
    keys = {key: value for key, value in settings.items() if key != PROVENANCE}
    config = to_config(model_spec(model).config_type, keys, f"{path}: {name}")
    provenance = settings.get(PROVENANCE)
    if provenance is not None and not isinstance(provenance, dict):
        raise UserError(f"{path}: {name}: {PROVENANCE} is {provenance!r}: give keys and values")
    return Preset(
        name=name,
        model=model,
        config=config,
        source=path,
        provenance=provenance,
    )
