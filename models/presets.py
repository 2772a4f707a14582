"""Presets: complete, named training settings, built in or from the user's own YAML files.

A preset file is a mapping from names to settings, as in `models/grammar_vae/configs.yaml`. User
files are looked up as `<folder>/<model>/*.yaml`, in the folders of `TUNER_PRESETS` or `./presets`.
A promoted preset also carries a `provenance` block and a folder of checkpoints of its name.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from models.config_file import dump_yaml, read_yaml_with_lines, to_config, to_mapping
from models.errors import Mistake, UserError, unknown_name
from models.training.contracts import ModelSpec

FOLDERS_VARIABLE = "TUNER_PRESETS"
PROVENANCE = "provenance"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A complete, validated training setting with its name.

    Attributes:
        config: an object of the model's `config_type`.
        source: the YAML file it stands in.
        provenance: where a promoted preset came from, or None.
        built_in: whether it ships with the model.
    """

    name: str
    model: str
    config: Any
    source: Path
    provenance: Mapping[str, Any] | None = None
    built_in: bool = False

    @property
    def checkpoints(self) -> list[Path]:
        """The checkpoint files that lie beside a promoted preset, sorted by name."""
        folder = self.source.parent / self.name
        return [] if self.built_in else sorted(folder.glob("*.ckpt"))


@dataclass(frozen=True, kw_only=True)
class PresetSurvey:
    """All presets that can be read, and the mistakes of every file and preset that cannot."""

    presets: tuple[Preset, ...]
    mistakes: tuple[Mistake, ...]


@dataclass(kw_only=True)
class _Found:
    """What the preset files of a model hold.

    Attributes:
        settings: file and raw settings by name, in file order.
        lines: where the keys of those stand in their file, by name.
        broken: the mistakes of every file that is no preset file.
        twice: a mistake for every name that is used again.
    """

    settings: dict[str, tuple[Path, Mapping[str, Any]]] = field(default_factory=dict)
    lines: dict[str, dict[str, int]] = field(default_factory=dict)
    broken: list[Mistake] = field(default_factory=list)
    twice: dict[str, Mistake] = field(default_factory=dict)


def preset_folders() -> list[Path]:
    """Return where user presets are looked up: `TUNER_PRESETS`, else `./presets`."""
    given = os.environ.get(FOLDERS_VARIABLE)
    return [Path(part) for part in given.split(os.pathsep)] if given else [Path("presets")]


def survey_presets(specs: Iterable[ModelSpec]) -> PresetSurvey:
    """Return the presets of some models, and what stands in the way of others."""
    presets: list[Preset] = []
    mistakes: list[Mistake] = []
    for spec in specs:
        found = _find_all(spec)
        mistakes += [*found.broken, *found.twice.values()]
        for name, (path, settings) in found.settings.items():
            try:
                presets.append(_build(spec, name, settings, path, found.lines[name]))
            except UserError as error:
                mistakes += error.mistakes
    return PresetSurvey(presets=tuple(presets), mistakes=tuple(mistakes))


def preset_names(spec: ModelSpec) -> list[str]:
    """Return the names of a model's presets in all files that can be read, sound or not."""
    return list(_find_all(spec).settings)


def find_preset(spec: ModelSpec, name: str) -> Preset:
    """Return the preset of this name.

    Raises:
        UserError: no such preset (the nearest is named, as are files that cannot be read), its
            name is used twice, or its settings are invalid; mistakes elsewhere do not matter.
    """
    found = _find_all(spec)
    if name in found.twice:
        raise UserError(found.twice[name])
    if name not in found.settings:
        not_read = UserError(*found.broken).within("not read, so its presets are not known")
        raise UserError(_unknown(spec, name, found), *not_read.mistakes)
    path, settings = found.settings[name]
    return _build(spec, name, settings, path, found.lines[name])


def render_preset(preset: Preset, header: str = "") -> str:
    """Return the preset as the text of a preset file, every key written out."""
    settings = to_mapping(preset.config)
    if preset.provenance is not None:
        settings[PROVENANCE] = dict(preset.provenance)
    return dump_yaml({preset.name: settings}, header)


def _find_all(spec: ModelSpec) -> _Found:
    """Read the preset files of a model, in file order."""
    found = _Found()
    for path in _files(spec):
        try:
            content, lines = _read(path)
        except UserError as error:
            found.broken += error.mistakes
            continue
        for name, settings in content.items():
            if name in found.settings:
                first = found.settings[name][0]
                rule = f"the preset '{name}' is also in {first}"
                mistake = Mistake(place=str(path), rule=rule, remedy="rename one")
                found.twice.setdefault(name, mistake)
            else:
                found.settings[name] = (path, settings)
                found.lines[name] = lines[name]
    return found


def _unknown(spec: ModelSpec, name: str, found: _Found) -> str:
    """Say that there is no such preset, and which other model has one of this name."""
    others = [model for model in _other_models(spec) if name in _names_beside(spec, model)]
    hint = f". A preset of this name belongs to {' and '.join(others)}" if others else ""
    if Path(name).suffix in (".yaml", ".yml"):
        folder = preset_folders()[0] / spec.name
        hint = f". A preset is named, not its file: put the file into {folder}/ and give the name"
    return f"{unknown_name(f'{spec.name} preset', name, found.settings)}{hint}"


def _other_models(spec: ModelSpec) -> list[str]:
    """Return the models whose built-in presets lie beside those of this one.

    They are found as files: a model knows no other.
    """
    beside = spec.presets_file.parent.parent.glob(f"*/{spec.presets_file.name}")
    return sorted(path.parent.name for path in beside if path != spec.presets_file)


def _names_beside(spec: ModelSpec, model: str) -> set[str]:
    """Return the names of another model's presets in the files that can be read."""
    names: set[str] = set()
    for path in _files_of(spec.presets_file.parent.parent / model / spec.presets_file.name, model):
        with suppress(UserError):
            names |= _read(path)[0].keys()
    return names


def _files(spec: ModelSpec) -> Iterator[Path]:
    return _files_of(spec.presets_file, spec.name)


def _files_of(built_in: Path, model: str) -> Iterator[Path]:
    yield built_in
    for folder in preset_folders():
        yield from sorted((folder / model).glob("*.yaml"))


def _read(path: Path) -> tuple[dict[str, Mapping[str, Any]], dict[str, dict[str, int]]]:
    """Return the settings of every preset of a file, and the lines of their keys."""
    content, lines = read_yaml_with_lines(path)
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(settings, dict) for name, settings in content.items()
    ):
        raise UserError(f"{path}: a preset file maps names to settings (name: {{z_dim: 56, ...}})")
    found: dict[str, dict[str, int]] = {name: {} for name in content}
    for place, line in lines.items():
        if len(place) == 2:
            found[str(place[0])][str(place[1])] = line
    return content, found


def _in_file(mistake: Mistake, path: Path, lines: Mapping[str, int]) -> Mistake:
    """Return a mistake with the file of its preset, and the line where that is known."""
    line = lines.get(mistake.key.partition(".")[0])
    at = f"{path}, line {line}" if line else str(path)
    return replace(mistake, place=f"{at}: {mistake.place}")


def _build(
    spec: ModelSpec,
    name: str,
    settings: Mapping[str, Any],
    path: Path,
    lines: Mapping[str, int],
) -> Preset:
    keys = {key: value for key, value in settings.items() if key != PROVENANCE}
    try:
        config = to_config(spec.config_type, keys, name)
    except UserError as error:
        raise UserError(*(_in_file(each, path, lines) for each in error.mistakes)) from error
    provenance = settings.get(PROVENANCE)
    if provenance is not None and not isinstance(provenance, dict):
        raise UserError(f"{path}: {name}: {PROVENANCE} is {provenance!r}: give keys and values")
    return Preset(
        name=name,
        model=spec.name,
        config=config,
        source=path,
        provenance=provenance,
        built_in=path == spec.presets_file,
    )
