"""What was promoted from a run, kept in its folder."""

import json
from dataclasses import asdict, dataclass

from models.config_file import write_text
from tuner.record.paths import RunPaths


@dataclass(frozen=True, kw_only=True)
class PromotedTrial:
    """One promotion: the trial, the preset made of it and where it lies."""

    trial: str
    number: int
    preset: str
    file: str
    metric: str
    value: float
    epoch: int
    confirmed: bool


def read_promotions(paths: RunPaths) -> list[PromotedTrial]:
    """Return what was promoted from the run so far."""
    if not paths.promotion_file.exists():
        return []
    content = json.loads(paths.promotion_file.read_text(encoding="utf-8"))
    return [PromotedTrial(**entry) for entry in content["promoted"]]


def record_promotion(paths: RunPaths, promoted: PromotedTrial) -> None:
    """Add a promotion to the run's record.

    Raises:
        UserError: the disk is full.
    """
    entries = [asdict(one) for one in [*read_promotions(paths), promoted]]
    write_text(paths.promotion_file, json.dumps({"promoted": entries}, indent=2) + "\n")
