"""`tuner promote`: make presets of the best trials of a run."""

from collections.abc import Iterator, Sequence

from models.presets import Preset
from models.registry import model_spec
from tuner.commands.console import output
from tuner.commands.tables import state_words
from tuner.promotion.candidates import Promoted, failed_ahead
from tuner.promotion.promotion import promote
from tuner.record.paths import RunPaths, find_run
from tuner.record.results import read_run
from tuner.record.search_copy import read_search

_RESUMED = "\n  made by a promotion that was broken off; it is in the run's record now"


def promote_trials(run: str, top: int, *, prefix: str | None, confirm: bool) -> None:
    """Promote trials and print what was made.

    Raises:
        UserError: see `promote`.
    """
    paths = find_run(run)
    promoted = promote(paths, top=top, prefix=prefix, confirm=confirm)
    console = output()
    for one in promoted:
        preset = one.preset
        provenance = preset.provenance or {}
        metric = provenance["metric"]
        console.print(
            f"{preset.name}: trial {one.row.number}, {metric['name']} {metric['value']:.4f} "
            f"after epoch {metric['epoch']}, last {provenance['last_value']:.4f}\n"
            f"  {preset.source}, {len(preset.checkpoints)} checkpoints in {one.folder}"
            f"{_RESUMED if one.resumed else ''}",
            soft_wrap=True,
        )
    for line in _passed_over(paths, promoted):
        console.print(line, soft_wrap=True)
    if len(promoted) < top:
        console.print(f"no more trials of this run have a checkpoint ({len(promoted)} of {top})")
    first = promoted[0].preset
    console.print(f"train from it: {training_command(first)}", soft_wrap=True)


def _passed_over(paths: RunPaths, promoted: Sequence[Promoted]) -> Iterator[str]:
    search = read_search(paths)
    metric = search.objective.metric
    for row in failed_ahead(read_run(paths), search, promoted):
        best = row.best(search.ranking)
        assert best is not None
        yield (
            f"passed over: trial {row.number}, {metric} {best.metrics[metric]:.4f}, "
            f"{state_words(row)}: a failed trial is never promoted"
        )


def training_command(preset: Preset) -> str:
    """Return what to type to train a promoted preset on the data of its search."""
    data = (preset.provenance or {}).get("data", {}).get("settings", {})
    return model_spec(preset.model).training_command(preset.name, data)
