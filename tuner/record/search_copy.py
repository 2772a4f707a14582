"""The copy of a search that a run keeps, as it was resolved, with the presets beside it.

So it means the same after a preset was changed or removed.
"""

from collections.abc import Sequence

from models.config_file import dump_yaml, to_config, write_text
from models.errors import unknown_name
from models.presets import PROVENANCE, Preset, render_preset
from models.training.contracts import ModelSpec
from tuner.record.paths import RunPaths
from tuner.record.warm_start_file import with_written, write_earlier
from tuner.search.loading import read_content
from tuner.search.overrides import apply_overrides
from tuner.search.reader import SearchReader
from tuner.search.search import Search


def read_search(paths: RunPaths, overrides: Sequence[str] = ()) -> Search:
    """Read the search of a run, with the presets as they were when it began.

    Args:
        paths: the run's files.
        overrides: changes, as `budget.num_trials=8`.

    Raises:
        UserError: a file of the run folder is missing or was damaged, or a change is a mistake.
    """
    presets = read_content(paths.presets_file)

    def find(spec: ModelSpec, name: str) -> Preset:
        if name not in presets:
            raise unknown_name(f"preset in {paths.presets_file}", name, presets)
        keys = dict(presets[name])
        provenance = keys.pop(PROVENANCE, None)
        return Preset(
            name=name,
            model=spec.name,
            config=to_config(spec.config_type, keys, f"{paths.presets_file}: {name}"),
            source=paths.presets_file,
            provenance=provenance,
        )

    source = str(paths.search_file)
    content = apply_overrides(read_content(paths.search_file), overrides)
    search = SearchReader(content, source, find, check_effects=False).read()
    return with_written(search, paths)


def change_search(search: Search, paths: RunPaths) -> None:
    """Write the search of a run again, as a resume changed it; its presets stay.

    Raises:
        UserError: the disk is full.
    """
    text = paths.search_file.read_text(encoding="utf-8")
    header = [line[1:].strip() for line in text.splitlines() if line.startswith("#")]
    write_text(paths.search_file, dump_yaml(search.to_mapping(), "\n".join(header)))


def write_search(search: Search, paths: RunPaths) -> None:
    """Write the search and its presets into a run folder, which makes it a run.

    Raises:
        UserError: the disk is full.
    """
    text = "\n".join(render_preset(preset) for preset in search.presets.values())
    write_text(paths.presets_file, "# The presets of this run's search, as it began.\n" + text)
    write_earlier(search, paths)
    header = f"The search {search.source} as it was resolved; its presets stand in presets.yaml."
    write_text(paths.search_file, dump_yaml(search.to_mapping(), header))
