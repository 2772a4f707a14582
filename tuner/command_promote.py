"""`tuner promote`: make presets of the best trials of a run."""

import shlex
from collections.abc import Mapping
from typing import Any

from models.presets import Preset
from tuner.console import output
from tuner.paths import find_run
from tuner.promotion import promote


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
    words = ["python", "-m", f"models.{preset.model}.train", "--config", preset.name]
    settings: Mapping[str, Any] = (preset.provenance or {}).get("data", {}).get("settings", {})
    for key, value in settings.items():
        if value is not None:
            words += [f"--{'data_seed' if key == 'seed' else key}", str(value)]
    return shlex.join(words)
