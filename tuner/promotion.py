"""Makes presets of a run's best trials, with their checkpoints and a model card.

    promoted = promote(find_run("first"), top=3, confirm=False)

A preset and its folder appear together or not at all: the folder is built beside its place and
renamed, and the preset file, by which both are found, is written last.
"""

import dataclasses
import itertools
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.config_file import write_text
from models.errors import UserError
from models.presets import Preset, preset_folders, preset_names, render_preset
from models.ranking import Ranking, has_value
from tuner.config import read_search
from tuner.model_card import first_line, render_card
from tuner.paths import RunPaths, check_run_name
from tuner.promotion_record import PromotedTrial, read_promotions, record_promotion
from tuner.provenance import provenance_of
from tuner.results import Run, kept_checkpoints, read_run
from tuner.search import Search
from tuner.trial_checkpoints import CHECKPOINT_FILE
from tuner.trial_rows import EpochPoint, TrialRow

CARD_FILE = "README.md"
_PROMOTABLE = ("done", "stopped", "interrupted")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A trial that can be promoted, with its checkpoints on disk, the best first."""

    row: TrialRow
    checkpoints: tuple[tuple[EpochPoint, Path], ...]

    @property
    def best(self) -> EpochPoint:
        """The epoch of the best checkpoint."""
        return self.checkpoints[0][0]


@dataclass(frozen=True, kw_only=True)
class Promoted:
    """A preset that was made: where it lies and what it came from."""

    preset: Preset
    folder: Path
    row: TrialRow
    best: EpochPoint


def promote(
    paths: RunPaths,
    *,
    top: int = 1,
    prefix: str | None = None,
    confirm: bool = True,
    confirmation: Mapping[str, Any] | None = None,
) -> list[Promoted]:
    """Make presets of the best trials that were not promoted before.

    Args:
        paths: the run; it may have been interrupted.
        top: how many trials.
        prefix: what the names begin with, instead of the run's name.
        confirm: whether the winners have to prove themselves on fresh seeds first.
        confirmation: what that proof gave, for the provenance.

    Raises:
        UserError: no trial has a checkpoint, a name is taken, the disk is full, or confirmation
            is asked for, which is not there yet.
    """
    if confirm and confirmation is None:
        raise UserError(
            "winners cannot be confirmed on fresh seeds yet: pass --no_confirm to promote them as "
            "they are; their presets then say `confirmed: false`"
        )
    if top < 1:
        raise UserError(f"--top is {top}: promote at least 1 trial")
    run, search = read_run(paths), read_search(paths)
    chosen = candidates(run, search)[:top]
    if not chosen:
        raise UserError(_nothing_to_promote(run))
    folder = preset_folders()[0].resolve() / search.model
    given = prefix is not None
    names = _free_names(folder, search.model, prefix or run.name, len(chosen), given=given)
    return [
        _promote_one(run, search, candidate, folder / f"{name}.yaml", confirmation)
        for name, candidate in zip(names, chosen, strict=True)
    ]


def candidates(run: Run, search: Search) -> list[Candidate]:
    """Return the trials that can be promoted and were not yet, the best first."""
    ranking = search.ranking
    done = {entry.trial for entry in read_promotions(run.paths)}
    found = []
    for row in run.rows:
        if row.state not in _PROMOTABLE or row.trial in done:
            continue
        kept = [
            pair for pair in kept_checkpoints(run.paths, row) if has_value(pair[0].cost(ranking))
        ]
        kept.sort(key=lambda pair: pair[0].cost(ranking))
        if kept:
            found.append(Candidate(row=row, checkpoints=tuple(kept)))
    return sorted(found, key=lambda one: (one.best.cost(ranking), one.row.number))


def _promote_one(
    run: Run,
    search: Search,
    candidate: Candidate,
    file: Path,
    confirmation: Mapping[str, Any] | None,
) -> Promoted:
    row, best = candidate.row, candidate.best
    metric = search.objective.metric
    said = f"trial {row.number} of run {run.name}: {metric} {best.metrics[metric]:.4f}"
    preset = Preset(
        name=file.stem,
        model=search.model,
        config=dataclasses.replace(search.config_for(row.params), description=said),
        source=file,
        provenance=provenance_of(run, search, row, best, confirmation),
    )
    folder = file.with_suffix("")
    beside = file.with_name(f".{file.stem}.part")
    try:
        _build_folder(beside, preset, candidate, search)
        if _is_leftover(file):
            shutil.rmtree(folder)
        beside.rename(folder)
        write_text(file, render_preset(preset, f"Promoted by `tuner promote {run.name}`."))
    except BaseException as error:
        for rest in (beside, folder):
            shutil.rmtree(rest, ignore_errors=True)
        if isinstance(error, OSError):
            raise UserError(
                f"{folder}: cannot be written: {error.strerror or error}: nothing was promoted "
                f"under the name {preset.name}"
            ) from error
        raise
    promoted = Promoted(preset=preset, folder=folder, row=row, best=best)
    record_promotion(run.paths, _entry(promoted, metric))
    return promoted


def _build_folder(folder: Path, preset: Preset, candidate: Candidate, search: Search) -> None:
    from models.checkpoints import best_name, read_checkpoint

    ranking = search.ranking
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    described = {}
    for point, source in candidate.checkpoints[: preset.config.save_top_k]:
        name = best_name(ranking, point.epoch, point.metrics[ranking.metric])
        read_checkpoint(source / CHECKPOINT_FILE)  # a damaged one is no winner
        shutil.copyfile(source / CHECKPOINT_FILE, folder / name)
        described[name] = _values(point, ranking)
    write_text(folder / CARD_FILE, render_card(preset, described))


def _values(point: EpochPoint, ranking: Ranking) -> str:
    """Return what ranks an epoch in words: its value, and that of the secondary metric."""
    names = dict.fromkeys(name for name in (ranking.metric, ranking.secondary) if name)
    values = [f"{name} {point.metrics[name]:.4f}" for name in names if name in point.metrics]
    return f"{', '.join(values)} after epoch {point.epoch}"


def _free_names(folder: Path, model: str, stem: str, count: int, *, given: bool) -> Sequence[str]:
    """Return `<stem>-1`, `<stem>-2`, ... as far as free; those of a given stem must be free."""
    check_run_name(stem)
    taken = set(preset_names(model))
    names: list[str] = []
    for number in itertools.count(1):
        name = f"{stem}-{number}"
        file = folder / f"{name}.yaml"
        free = name not in taken and not file.exists()  # which may be broken and hold no name
        if free and (not file.with_suffix("").exists() or _is_leftover(file)):
            names.append(name)
        elif given:
            raise UserError(f"the preset '{name}' exists already: choose another --prefix")
        if len(names) == count:
            break
    return names


def _is_leftover(file: Path) -> bool:
    """Return whether the folder of a preset was left by a crash before its file was written."""
    card = file.with_suffix("") / CARD_FILE
    return card.is_file() and card.read_text(encoding="utf-8").startswith(first_line(file.stem))


def _entry(promoted: Promoted, metric: str) -> PromotedTrial:
    provenance = promoted.preset.provenance or {}
    return PromotedTrial(
        trial=promoted.row.trial,
        number=promoted.row.number,
        preset=promoted.preset.name,
        file=str(promoted.preset.source),
        metric=metric,
        value=promoted.best.metrics[metric],
        epoch=promoted.best.epoch,
        confirmed=bool(provenance.get("confirmed")),
    )


def _nothing_to_promote(run: Run) -> str:
    if read_promotions(run.paths):
        return (
            f"every trial of the run '{run.name}' that still has a checkpoint was promoted "
            f"already: see {run.paths.promotion_file}"
        )
    return (
        f"the run '{run.name}' ({run.status}) has no trial that ended with a checkpoint: "
        f"see `tuner show {run.name}`"
    )
