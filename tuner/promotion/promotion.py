"""Makes presets of a run's best trials, with their checkpoints and a model card.

    promoted = promote(find_run("first"), top=3, confirm=False)

Presets, their folders and the run's record of them appear together or not at all: `pairs.py` builds
and publishes a preset with its folder; the record comes last, and where a kill has kept it from
being written, the presets on disk say themselves what they were made of.
"""

import dataclasses
import itertools
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.presets import Preset, preset_folders, preset_names
from models.training.checkpoints import best_name
from models.training.contracts import ModelSpec
from models.training.ranking import Ranking
from tuner.promotion.candidates import Candidate, Promoted, candidates, kept_best, unrecorded
from tuner.promotion.pairs import is_leftover, one_at_a_time, publish, remove_parts, stage, withdraw
from tuner.promotion.provenance import provenance_of
from tuner.record.paths import RunPaths, check_run_name
from tuner.record.promotions import PromotedTrial, read_promotions, record_promotions
from tuner.record.results import Run, read_run
from tuner.record.search_copy import read_search
from tuner.record.trial_checkpoints import CHECKPOINT_FILE
from tuner.record.trial_rows import EpochPoint, TrialRow
from tuner.search.search import Search


def promote(
    paths: RunPaths,
    *,
    top: int = 1,
    prefix: str | None = None,
    confirm: bool = True,
    confirmation: Mapping[str, Any] | None = None,
) -> list[Promoted]:
    """Make presets of the best trials that were not promoted before: all of them, or none.

    What a promotion that was killed had finished counts, so that repeating the command comes to the
    same end.

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
    stem = check_run_name(paths.name if prefix is None else prefix)
    run, search = read_run(paths), read_search(paths)
    folder = preset_folders()[0].resolve() / search.model
    if not folder.is_dir() and not candidates(run, search):
        raise UserError(_nothing_to_promote(run))
    try:
        with one_at_a_time(folder):
            remove_parts(folder)
            found = unrecorded(run, search)
            chosen = candidates(run, search, [*found])[: top - len(found)]
            if not chosen and not found:
                raise UserError(_nothing_to_promote(run))
            own = {one.preset.name for one in found}
            names = _free_names(
                folder, search.spec, stem, len(chosen), own, given=prefix is not None
            )
            files = [folder / f"{name}.yaml" for name in names]
            made = [
                _promoted(run, search, candidate, file, confirmation)
                for candidate, file in zip(chosen, files, strict=True)
            ]
            _write(run, search, made, [*found, *made])
    except OSError as error:
        said = f"{folder}: cannot be written: {error.strerror or error}: nothing was promoted"
        raise UserError(said) from error
    return [*found, *made]


def checkpoint_files(run: Run, search: Search, row: TrialRow) -> dict[str, tuple[Path, str]]:
    """Return the checkpoints of a trial by their names in a preset's folder, the best first.

    With each goes what the model card says of it.
    """
    ranking = search.ranking
    kept = kept_best(run, row, ranking)[: search.base_config.save_top_k]
    return {
        best_name(ranking, point.epoch, point.metrics[ranking.metric]): (
            source / CHECKPOINT_FILE,
            _values(point, ranking),
        )
        for point, source in kept
    }


def entry_of(promoted: Promoted, metric: str) -> PromotedTrial:
    """Return the line of the run's record for a promotion."""
    provenance = promoted.preset.provenance or {}
    return PromotedTrial(
        trial=promoted.row.trial,
        number=promoted.row.number,
        preset=promoted.preset.name,
        file=str(promoted.preset.source.resolve()),
        metric=metric,
        value=promoted.best.metrics[metric],
        epoch=promoted.best.epoch,
        confirmed=bool(provenance.get("confirmed")),
    )


def _promoted(
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
    return Promoted(preset=preset, folder=file.with_suffix(""), row=row, best=best)


def _write(
    run: Run, search: Search, made: Sequence[Promoted], recorded: Sequence[Promoted]
) -> None:
    """Write presets, checkpoints and the run's record; what fails leaves none of them."""
    begun: list[Path] = []
    try:
        for one in made:
            begun.append(one.preset.source)
            _stage(run, search, one)
        for one in made:
            publish(one.preset.source)
        record_promotions(run.paths, [entry_of(one, search.objective.metric) for one in recorded])
    except BaseException as error:
        for file in begun:
            withdraw(file)
        if isinstance(error, UserError):
            raise UserError(f"{error}: nothing was promoted") from error
        raise


def _stage(run: Run, search: Search, one: Promoted) -> None:
    files = checkpoint_files(run, search, one.row)
    stage(one.preset, files, f"Promoted by `tuner promote {run.name}`.")


def _values(point: EpochPoint, ranking: Ranking) -> str:
    """Return what ranks an epoch in words: its value, and that of the secondary metric."""
    names = dict.fromkeys(name for name in (ranking.metric, ranking.secondary) if name)
    values = [f"{name} {point.metrics[name]:.4f}" for name in names if name in point.metrics]
    return f"{', '.join(values)} after epoch {point.epoch}"


def _free_names(
    folder: Path, spec: ModelSpec, stem: str, count: int, own: Collection[str], *, given: bool
) -> Sequence[str]:
    """Return `<stem>-1`, `<stem>-2`, ... as far as free; those of a given stem must be free.

    Args:
        folder: where the presets go.
        spec: the model.
        stem: what the names begin with.
        count: how many.
        own: presets that an earlier try at this promotion has made.
        given: whether somebody chose the stem.
    """
    taken = set(preset_names(spec))
    names: list[str] = []
    for number in itertools.count(1):
        if len(names) == count:
            break
        name = f"{stem}-{number}"
        file = folder / f"{name}.yaml"
        free = name not in taken and not file.exists()  # which may be broken and hold no name
        if free and (not file.with_suffix("").exists() or is_leftover(file)):
            names.append(name)
        elif given and name not in own:
            raise UserError(f"the preset '{name}' exists already: choose another --prefix")
    return names


def _nothing_to_promote(run: Run) -> str:
    if read_promotions(run.paths):
        return (
            f"every trial of the run '{run.name}' that still has a checkpoint was promoted "
            f"already: see {run.paths.promotion_file}"
        )
    failed = run.num_in_state("failed")
    never = f" ({failed} failed, and a failed trial is never promoted)" if failed else ""
    return (
        f"the run '{run.name}' ({run.status}) has no trial that ended with a checkpoint{never}: "
        f"see `tuner show {run.name}`"
    )
