"""`tuner promote`: make presets of the best trials of a run."""

from models.presets import Preset
from models.registry import model_spec
from tuner.commands.console import output
from tuner.promotion.promotion import promote
from tuner.record.paths import find_run


def promote_trials(run: str, top: int, *, prefix: str | None, confirm: bool) -> None:
    """Promote trials and print what was made.

    Raises:
        UserError: see `promote`.
    """
    promoted = promote(find_run(run), top=top, prefix=prefix, confirm=confirm)
    console = output()
    for one in promoted:
        preset = one.preset
        provenance = preset.provenance or {}
        metric = provenance["metric"]
        console.print(
            f"{preset.name}: trial {one.row.number}, {metric['name']} {metric['value']:.4f} "
            f"after epoch {metric['epoch']}, last {provenance['last_value']:.4f}\n"
            f"  {preset.source}, {len(preset.checkpoints)} checkpoints in {one.folder}",
            soft_wrap=True,
        )
    if len(promoted) < top:
        console.print(f"no more trials of this run have a checkpoint ({len(promoted)} of {top})")
    first = promoted[0].preset
    console.print(f"train from it: {training_command(first)}", soft_wrap=True)


def training_command(preset: Preset) -> str:
    """Return what to type to train a promoted preset on the data of its search."""
    data = (preset.provenance or {}).get("data", {}).get("settings", {})
    return model_spec(preset.model).training_command(preset.name, data)
