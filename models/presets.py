"""Presets: complete, named training settings, built in or from the user's own YAML files.

A preset file is a mapping from names to settings, as in `models/grammar_vae/configs.yaml`. User
files are looked up as `<folder>/<model>/*.yaml`, in the folders of `TUNER_PRESETS` or `./presets`.
A promoted preset also carries a `provenance` block and a folder of checkpoints of its name.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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


def preset_folders() -> list[Path]:
    """Return where user presets are looked up: `TUNER_PRESETS`, else `./presets`."""
    given = os.environ.get(FOLDERS_VARIABLE)
    return [Path(part) for part in given.split(os.pathsep)] if given else [Path("presets")]


def list_presets(model: str | None = None) -> list[Preset]:
    """Return the presets of one model or of all, built-in ones first, in file order.

    Raises:
        UserError: a preset file is malformed, or a name is used twice.
    """
    names = [model] if model else list(MODELS)
    return [
        _build(each, name, settings, path)
        for each in names
        for name, (path, settings) in _settings(each).items()
    ]


def find_preset(model: str, name: str) -> Preset:
    """Return the preset of this name.

    Raises:
        UserError: no such preset (the nearest is named), its name is used twice, a preset file is
            malformed, or the preset's settings are invalid; other presets' settings are not read.
    """
    found = _settings(model)
    if name not in found:
        raise unknown_name(f"{model} preset", name, found)
    path, settings = found[name]
    return _build(model, name, settings, path)


def render_preset(preset: Preset, header: str = "") -> str:
    """Return the preset as the text of a preset file, every key written out."""
    settings = to_mapping(preset.config)
    if preset.provenance is not None:
        settings[PROVENANCE] = dict(preset.provenance)
    return dump_yaml({preset.name: settings}, header)


def _settings(model: str) -> dict[str, tuple[Path, Mapping[str, Any]]]:
    """Return the file and the raw settings of every preset, in file order."""
    found: dict[str, tuple[Path, Mapping[str, Any]]] = {}
    for path in _files(model):
        for name, settings in _read(path).items():
            if name in found:
                raise UserError(
                    f"{path}: the preset '{name}' is also in {found[name][0]}: rename one"
                )
            found[name] = (path, settings)
    return found


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
