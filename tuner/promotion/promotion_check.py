"""Checks what was promoted from a run: record, preset and checkpoints are there together."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from models.errors import UserError
from models.presets import preset_folders, survey_presets
from models.training.checkpoints import best_name
from tuner.promotion.candidates import Promoted, checkpoint_files, kept_best, unrecorded
from tuner.promotion.pairs import (
    CARD_FILE,
    folder_of,
    is_part,
    leftovers,
    one_at_a_time,
    restore,
)
from tuner.promotion.promotion import entry_of, metric_of
from tuner.promotion.requests import aimed_at
from tuner.record.confirmations import read_confirmations
from tuner.record.findings import Finding
from tuner.record.promotions import PromotedTrial, read_promotions, write_promotions
from tuner.record.results import Run, kept_checkpoints
from tuner.search.search import Search


def check_promotions(run: Run, search: Search) -> Iterator[Finding]:
    """Yield what promotions of a run have left in halves."""
    paths = run.paths
    try:
        read_confirmations(paths)
    except UserError:
        yield Finding(
            what=f"{paths.confirmation_file.name}: damaged",
            remedy="removed: the next promotion judges again what was trained, and trains nothing",
            mend=paths.confirmation_file.unlink,
        )
    try:
        recorded = read_promotions(paths)
    except UserError:
        yield Finding(
            what=f"{paths.promotion_file.name}: damaged",
            remedy="written again from the presets",
            mend=partial(_record_again, run, search),
        )
        return
    for entry in recorded:
        yield from _entry(run, search, entry)
    for one in unrecorded(run, search):
        yield Finding(
            what=f"{one.preset.source}: made of trial {one.row.number}, and not in "
            f"{paths.promotion_file.name}",
            remedy="added",
            mend=partial(_add, run, one),
        )
    yield from _leftovers(run, search)


def _entry(run: Run, search: Search, entry: PromotedTrial) -> Iterator[Finding]:
    folder = _folder_of(search, entry)
    if folder is None:
        yield Finding(
            what=f"{run.paths.promotion_file.name}: the preset {entry.preset} of trial "
            f"{entry.number} is gone",
            remedy="taken off the list, so that its trial may be promoted again",
            mend=partial(_drop, run, entry),
        )
        return
    aimed = aimed_at(search, entry.metric)
    best = best_name(aimed.ranking, entry.epoch, entry.value)
    if (folder / best).is_file():
        return
    row = next((row for row in run.rows if row.trial == entry.trial), None)
    files = checkpoint_files(kept_best(run, row, aimed.ranking), aimed) if row else {}
    what = f"{folder / best}: the preset's best checkpoint is gone"
    if best in files:
        mend = partial(restore, folder, files)
        yield Finding(what=what, remedy="copied again from the run", mend=mend)
    else:
        yield Finding(what=what, remedy="restore it from a copy, as the run has it no more")


def _folder_of(search: Search, entry: PromotedTrial) -> Path | None:
    """Return the folder of the preset's checkpoints, whatever it is called now; None if it is gone.

    The file that it was written into is believed where it cannot be read.
    """
    file = Path(entry.file)
    known = survey_presets([search.spec]).presets
    for preset in known:
        if preset.name == entry.preset and preset.source.resolve() == file:
            return file.with_name(entry.preset)
    for preset in known:
        provenance = preset.provenance or {}
        alike = bool(provenance.get("confirmed")) == entry.confirmed
        if provenance.get("trial", {}).get("id") == entry.trial and alike:
            return folder_of(preset).resolve()
    return file.with_name(entry.preset) if file.stem == entry.preset and file.is_file() else None


def _leftovers(run: Run, search: Search) -> Iterator[Finding]:
    for folder in preset_folders():
        for left in leftovers(folder.resolve() / search.model):
            yield from _leftover(run, left)


def _leftover(run: Run, left: Path) -> Iterator[Finding]:
    card = left / CARD_FILE
    text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    if text and f" of the run `{run.name}`," not in text:
        return  # of another run
    rows = [row for row in run.rows if f"- trial {row.number} of the run " in text]
    what = f"{left}: half a promotion"
    if is_part(left) or any(kept_checkpoints(run.paths, row) for row in rows):
        yield Finding(what=what, remedy="removed", mend=partial(_remove, left))
    else:
        yield Finding(what=what, remedy="the run has these weights no more: move it elsewhere")


def _remove(left: Path) -> None:
    with one_at_a_time(left.parent):
        if left in leftovers(left.parent):  # nobody has completed it meanwhile
            shutil.rmtree(left)


def _record_again(run: Run, search: Search) -> None:
    run.paths.promotion_file.unlink()
    found = unrecorded(run, search)
    write_promotions(run.paths, [entry_of(one, metric_of(one)) for one in found])


def _add(run: Run, one: Promoted) -> None:
    recorded = read_promotions(run.paths)
    write_promotions(run.paths, [*recorded, entry_of(one, metric_of(one))])


def _drop(run: Run, entry: PromotedTrial) -> None:
    kept = [one for one in read_promotions(run.paths) if one != entry]
    write_promotions(run.paths, kept)
