"""Makes presets of a run's best trials, with their checkpoints and a model card.

    promoted = promote(find_run("first"), top=3)

Presets, their folders and the run's record of them appear together or not at all: `pairs.py` builds
and publishes a preset with its folder; the record comes last, and where a kill has kept it from
being written, the presets on disk say themselves what they were made of.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from models.errors import UserError
from models.presets import Preset, preset_folders
from tuner.promotion.candidates import (
    Candidate,
    Promoted,
    candidates,
    checkpoint_files,
    unrecorded,
    winners,
)
from tuner.promotion.names import Naming, free_names
from tuner.promotion.pairs import (
    content_of,
    one_at_a_time,
    publish,
    put_back,
    remove_parts,
    stage,
    withdraw,
)
from tuner.promotion.preset_text import check_own_file, text_with
from tuner.promotion.provenance import description_of, provenance_of
from tuner.promotion.requests import Request, aimed_at
from tuner.record.confirmations import Confirmation, read_confirmations, write_confirmations
from tuner.record.paths import RunPaths, check_run_name
from tuner.record.promotions import PromotedTrial, read_promotions, record_promotions
from tuner.record.results import Run, read_run
from tuner.record.search_copy import read_search
from tuner.search.search import Search


def promote(
    paths: RunPaths,
    *,
    top: int = 1,
    trials: Sequence[int] = (),
    objective: str | None = None,
    name: str | None = None,
    into: Path | None = None,
    confirmation: Confirmation | None = None,
) -> list[Promoted]:
    """Make presets of trials that were not promoted before: all of them, or none.

    What a promotion that was killed had finished counts, so that repeating the command comes to the
    same end.

    Args:
        paths: the run; it may have been interrupted.
        top: how many of the best trials.
        trials: these instead, by number.
        objective: another metric to rank by.
        name: what the preset is called; of several, what their names begin with.
        into: the preset file of one's own that they are added to, instead of a file for each.
        confirmation: those that won it are promoted; without it presets say `confirmed: false`.

    Raises:
        UserError: no trial has a checkpoint, a name is taken, or the disk is full.
    """
    request = Request(top=top, trials=tuple(trials))
    stem = check_run_name(paths.name if name is None else name)
    run, search = read_run(paths), aimed_at(read_search(paths), objective)
    folder = preset_folders()[0].resolve() / search.model
    if into is not None:
        into = check_own_file(into, search.model)
        folder = into.parent
    if confirmation is None and not folder.is_dir():
        _refuse_nothing(run, candidates(run, search, request=request), request)
    try:
        with one_at_a_time(folder):
            remove_parts(folder)
            found = unrecorded(run, search)
            if confirmation is None:
                chosen = candidates(run, search, found, request)[: request.count - len(found)]
                _refuse_nothing(run, [*found, *chosen], request)
            else:
                chosen = winners(run, search, confirmation, found)
            own = {one.preset.name for one in found}
            naming = Naming(stem=stem, given=name is not None, alone=request.count == 1)
            names = free_names(folder, search.spec, naming, len(chosen), own)
            made = [
                _promoted(
                    run, search, candidate, confirmation, (each, into or folder / f"{each}.yaml")
                )
                for candidate, each in zip(chosen, names, strict=True)
            ]
            _write(run, search, made, [*found, *made])
            _name_winners(run, confirmation)
    except OSError as error:
        said = f"{folder}: cannot be written: {error.strerror or error}: nothing was promoted"
        raise UserError(said) from error
    return [*found, *made]


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


def metric_of(promoted: Promoted) -> str:
    """Return the metric that a preset was promoted by."""
    return (promoted.preset.provenance or {})["metric"]["name"]


def _promoted(
    run: Run,
    search: Search,
    candidate: Candidate,
    confirmation: Confirmation | None,
    place: tuple[str, Path],
) -> Promoted:
    """Return what a candidate becomes, not written yet; `place` is its name and its file."""
    name, file = place
    row = candidate.row
    said = description_of(run, search, candidate, confirmation)
    preset = Preset(
        name=name,
        model=search.model,
        config=dataclasses.replace(search.config_for(row.params), description=said),
        source=file,
        provenance=provenance_of(run, search, candidate, confirmation),
    )
    files = checkpoint_files(candidate.checkpoints, search)
    return Promoted(preset=preset, row=row, best=candidate.best, files=files)


def _write(
    run: Run, search: Search, made: Sequence[Promoted], recorded: Sequence[Promoted]
) -> None:
    """Write presets, checkpoints and the run's record; what fails leaves none of them."""
    header = f"Promoted by `tuner promote {run.name}`."
    before = {one.preset.source: content_of(one.preset.source) for one in made}
    contents, texts = dict(before), []
    try:
        for one in made:
            texts.append(text_with(contents[one.preset.source], one.preset, header))
            stage(one.preset, one.files, texts[-1])
            contents[one.preset.source] = texts[-1]
        contents = dict(before)
        for one, text in zip(made, texts, strict=True):
            publish(one.preset, contents[one.preset.source])
            contents[one.preset.source] = text
        record_promotions(run.paths, [entry_of(one, metric_of(one)) for one in recorded])
    except BaseException as error:
        for file, content in before.items():
            put_back(file, content, ours=texts)
        for one in made:
            withdraw(one.preset)
        if isinstance(error, UserError):
            raise UserError(f"{error}: nothing was promoted") from error
        raise


def _name_winners(run: Run, confirmation: Confirmation | None) -> None:
    """Write into the record of confirmations what was made of their winners."""
    if confirmation is None:
        return
    presets: dict[int | None, str] = {
        one.number: one.preset for one in read_promotions(run.paths) if one.confirmed
    }
    named = tuple(
        dataclasses.replace(one, preset=presets.get(one.number) if one.wins else None)
        for one in confirmation.candidates
    )
    known = [
        dataclasses.replace(each, candidates=named) if each.id == confirmation.id else each
        for each in read_confirmations(run.paths)
    ]
    write_confirmations(run.paths, known)


def _refuse_nothing(run: Run, found: Sequence[object], request: Request) -> None:
    """Refuse to promote what is not there.

    Raises:
        UserError: nothing was found, or not all that was asked for by number.
    """
    if request.trials and len(found) < len(request.trials):
        raise UserError(_missing(run, request))
    if not found:
        raise UserError(_nothing_to_promote(run))


def _missing(run: Run, request: Request) -> str:
    """Say which of the trials that are asked for cannot be promoted as they are."""
    done = {one.number: one.preset for one in read_promotions(run.paths)}
    said = [f"trial {n} was promoted already, as {done[n]}" for n in request.trials if n in done]
    lost = [f"{number}" for number in request.trials if number not in done]
    if lost:
        said.append(
            f"of trials {', '.join(lost)} some have no checkpoint any more: leave --no_confirm "
            "out, as a confirmation trains them again"
        )
    return "; ".join(said)


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
        f"see `tuner show {run.handle}`"
    )
