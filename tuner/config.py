"""Search files in and out: the one a user names, and the copy that a run folder keeps.

    search = load_search("grammar_vae/quickstart", overrides=["budget.num_trials=4"])
    config = search.config_for({"beta": 0.01})

Every mistake in a file is reported at once. A run keeps its search as it was resolved, with the
presets beside it, so that it means the same after a preset was changed or removed.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from models.config_file import dump_yaml, read_yaml, to_config, write_text
from models.errors import unknown_name
from models.presets import PROVENANCE, Preset, find_preset, render_preset
from models.registry import model_spec
from tuner.errors import SearchInvalid
from tuner.overrides import apply_overrides
from tuner.paths import RunPaths
from tuner.search import Search, WarmStart
from tuner.search_files import find_search_file, shipped_searches
from tuner.search_reader import SearchReader

__all__ = [
    "Search",
    "WarmStart",
    "load_search",
    "read_search",
    "shipped_searches",
    "write_search",
]


def load_search(
    path_or_name: str | Path, overrides: Iterable[str] = (), *, check_files: bool = False
) -> Search:
    """Read a search file, or one that ships by its name, with changes like `budget.num_trials=8`.

    Args:
        path_or_name: the file, or the name of one that ships.
        overrides: the changes.
        check_files: whether a file of the data that is missing is a mistake, as before a start.

    Raises:
        UserError: no such file, or malformed YAML.
        SearchInvalid: with every mistake in the content.
    """
    path = find_search_file(path_or_name)
    content = apply_overrides(_content(path), overrides)
    return SearchReader(content, str(path), find_preset, check_files=check_files).read()


def read_search(paths: RunPaths) -> Search:
    """Read the search of a run, with the presets as they were when it began.

    Raises:
        UserError: a file of the run folder is missing or was damaged.
    """
    presets = _content(paths.presets_file)

    def find(model: str, name: str) -> Preset:
        if name not in presets:
            raise unknown_name(f"preset in {paths.presets_file}", name, presets)
        keys = dict(presets[name])
        provenance = keys.pop(PROVENANCE, None)
        return Preset(
            name=name,
            model=model,
            config=to_config(model_spec(model).config_type, keys, f"{paths.presets_file}: {name}"),
            source=paths.presets_file,
            provenance=provenance,
        )

    source = str(paths.search_file)
    return SearchReader(_content(paths.search_file), source, find, check_effects=False).read()


def write_search(search: Search, paths: RunPaths) -> None:
    """Write the search and its presets into a run folder, which makes it a run.

    Raises:
        UserError: the disk is full.
    """
    presets = {search.preset.name: search.preset}
    presets.update({start.preset.name: start.preset for start in search.warm_starts})
    text = "\n".join(render_preset(preset) for preset in presets.values())
    write_text(paths.presets_file, "# The presets of this run's search, as it began.\n" + text)
    header = f"The search {search.source} as it was resolved; its presets stand in presets.yaml."
    write_text(paths.search_file, dump_yaml(search.to_mapping(), header))


def _content(path: Path) -> dict[str, Any]:
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise SearchInvalid(str(path), [f"it holds {content!r}: give `model:`, `preset:`, ..."])
    return content
