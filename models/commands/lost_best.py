"""Notes that a checkpoint is used because a better one is gone: of a promoted preset, of a run."""

import json
import math
import re
import sys
from functools import lru_cache
from pathlib import Path

from models.presets import Preset
from models.training.contracts import ModelSpec

_NAME = re.compile(r"best-(?P<label>.+?)-(?P<epoch>\d+)-(?P<value>-?(?:\d+\.\d+|inf))\.ckpt")


def note_of_preset(preset: Preset, taken: Path) -> None:
    """Note that the checkpoint whose value a promoted preset has is not in its folder."""
    best = (preset.provenance or {}).get("metric", {})
    if "epoch" not in best or list(taken.parent.glob(f"best-*-{best['epoch']}-*.ckpt")):
        return
    had = f"the preset '{preset.name}' has {best.get('name')} {best.get('value'):.4f}"
    _note(f"{had} after epoch {best['epoch']}, whose checkpoint is gone from", taken)


def note_of_run(spec: ModelSpec, metrics_file: Path, taken: Path) -> None:
    """Note that a training had a better epoch than that of its best checkpoint that is there."""
    named = _NAME.fullmatch(taken.name)
    rankings = [spec.ranking(metric.name) for metric in spec.metrics]
    by = next((one for one in rankings if named and one.label == named["label"]), None)
    if named is None or by is None or not metrics_file.is_file():
        return
    values = _values(metrics_file, by.metric)
    sign = -1.0 if by.mode == "max" else 1.0
    best = min(values, key=lambda epoch: (sign * values[epoch], epoch), default=None)
    # A file's name has four decimals of the value.
    if best is None or sign * round(values[best], 4) >= sign * float(named["value"]):
        return
    _note(
        f"{metrics_file} has {by.metric} {values[best]:.4f} after epoch {best}, whose checkpoint "
        "is gone from",
        taken,
    )


def _values(file: Path, metric: str) -> dict[int, float]:
    """Return the finite values of a metric by epoch, as far as the file can be read."""
    values = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            known = json.loads(line)
            epoch, value = int(known["epoch"]), float(known[metric])
        except (ValueError, KeyError, TypeError):  # a torn line, or an epoch without the metric
            continue
        if math.isfinite(value):
            values[epoch] = value
    return values


@lru_cache(maxsize=32)  # a command may look for its checkpoint twice
def _note(had: str, taken: Path) -> None:
    sys.stderr.write(
        f"note: {had} {taken.parent}: {taken.name} is taken; put the other back, or give a file\n"
    )
