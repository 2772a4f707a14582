"""What was promoted from a run, kept in its folder."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from models.config_file import write_text
from models.errors import UserError
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
    """Return what was promoted from the run so far.

    Raises:
        UserError: the record is damaged.
    """
    if not paths.promotion_file.exists():
        return []
    try:
        content = json.loads(paths.promotion_file.read_text(encoding="utf-8"))
        return [PromotedTrial(**entry) for entry in content["promoted"]]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{paths.promotion_file}: not the record of promotions ({type(error).__name__}): "
            f"`tuner doctor {paths.handle}` makes it again from the presets"
        ) from error


def record_promotions(paths: RunPaths, promoted: Iterable[PromotedTrial]) -> None:
    """Add promotions to the run's record.

    Raises:
        UserError: the disk is full.
    """
    write_promotions(paths, [*read_promotions(paths), *promoted])


def write_promotions(paths: RunPaths, promoted: Iterable[PromotedTrial]) -> None:
    """Write the whole record.

    Raises:
        UserError: the disk is full.
    """
    entries = [asdict(one) for one in promoted]
    write_text(paths.promotion_file, json.dumps({"promoted": entries}, indent=2) + "\n")
