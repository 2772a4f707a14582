"""Which trials of a run can be promoted, with which weights, and which have been."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import UserError
from models.presets import Preset, survey_presets
from models.training.checkpoints import best_name
from models.training.ranking import Ranking, has_value
from tuner.promotion.contenders import settings_key
from tuner.promotion.pairs import folder_of
from tuner.promotion.requests import Request, wanted_rows
from tuner.promotion.trained import trained_in
from tuner.record.confirmations import Confirmation
from tuner.record.paths import RunPaths, is_run
from tuner.record.promotions import read_promotions
from tuner.record.results import Run, kept_checkpoints
from tuner.record.trial_checkpoints import CHECKPOINT_FILE
from tuner.record.trial_rows import EpochPoint, TrialRow
from tuner.record.values import value_words
from tuner.search.search import Search


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A trial that can be promoted, with its checkpoints on disk, the best first.

    Attributes:
        seed: of the confirmation's training whose checkpoints these are; None for the trial's own.
    """

    row: TrialRow
    checkpoints: tuple[tuple[EpochPoint, Path], ...]
    seed: int | None = None

    @property
    def best(self) -> EpochPoint:
        """The epoch of the best checkpoint."""
        return self.checkpoints[0][0]


@dataclass(frozen=True, kw_only=True)
class Promoted:
    """A preset that was made: where it lies and what it came from.

    Attributes:
        best: the epoch of its best checkpoint.
        files: of each checkpoint's name the file to copy and what the card says.
        resumed: whether an earlier promotion made it, which was killed before it was recorded.
    """

    preset: Preset
    row: TrialRow
    best: EpochPoint
    files: Mapping[str, tuple[Path, str]] = field(default_factory=dict)
    resumed: bool = False

    @property
    def folder(self) -> Path:
        """Where its checkpoints are."""
        return folder_of(self.preset)

    @property
    def confirmed(self) -> bool:
        """Whether it has proved itself on fresh seeds."""
        return bool((self.preset.provenance or {}).get("confirmed"))


def candidates(
    run: Run, search: Search, found: Sequence[Promoted] = (), request: Request | None = None
) -> list[Candidate]:
    """Return the trials that can be promoted as they are and were not yet, the best first.

    Args:
        run: whose trials.
        search: its search.
        found: promotions that the run's record does not name.
        request: which trials are asked for.
    """
    ranking = search.ranking
    done = {entry.trial for entry in read_promotions(run.paths)} | {one.row.trial for one in found}
    ready = []
    for row in wanted_rows(run, search, request or Request()):
        if row.trial not in done and (kept := kept_best(run, row, ranking)):
            ready.append(Candidate(row=row, checkpoints=tuple(kept)))
    if request is not None and request.trials:
        return ready
    return sorted(ready, key=lambda one: (one.best.cost(ranking), one.row.number))


def winners(
    run: Run, search: Search, confirmation: Confirmation, found: Sequence[Promoted] = ()
) -> list[Candidate]:
    """Return the trials that won a confirmation and were not promoted for it yet.

    A trial that has lost its checkpoints takes those of the best training of the confirmation.

    Args:
        run: whose trials.
        search: its search.
        confirmation: which they won.
        found: promotions that the run's record does not name.
    """
    done = {entry.number for entry in read_promotions(run.paths) if entry.confirmed}
    done |= {one.row.number for one in found if one.confirmed}
    rows = {row.number: row for row in run.rows}
    ready = []
    for one in confirmation.candidates:
        if not one.wins or one.number in done:
            continue
        assert one.number is not None
        row = rows[one.number]
        if kept := kept_best(run, row, search.ranking):
            ready.append(Candidate(row=row, checkpoints=tuple(kept)))
        else:
            ready.append(_from_confirmation(run, search, row, one.values))
    return ready


def unrecorded(run: Run, search: Search) -> list[Promoted]:
    """Return the presets made of this run that its record does not name: a promotion was killed."""
    done = {entry.preset for entry in read_promotions(run.paths)}
    rows = {row.trial: row for row in run.rows}
    found = []
    for preset in survey_presets([search.spec]).presets:
        provenance = preset.provenance or {}
        row = rows.get(provenance.get("trial", {}).get("id"))
        if row is None or provenance.get("run") != run.name or not preset.checkpoints:
            continue
        metric = provenance["metric"]
        if preset.name not in done and not _is_recorded(run, row, provenance):
            point = EpochPoint(
                epoch=metric["epoch"], metrics={metric["name"]: metric["value"]}, time=0.0
            )
            found.append(Promoted(preset=preset, row=row, best=point, resumed=True))
    return found


def passed_over(run: Run, search: Search, promoted: Sequence[Promoted]) -> list[TrialRow]:
    """Return the trials above one that was promoted that never are: failed, or with a parent."""
    ranking = search.ranking
    last = max((one.row.cost(ranking) for one in promoted), default=None)
    if last is None:
        return []
    never = [row for row in run.rows if row.state == "failed" or row.parent is not None]
    ahead = [row for row in never if row.cost(ranking) < last]
    return sorted(ahead, key=lambda row: row.cost(ranking))


def kept_best(run: Run, row: TrialRow, ranking: Ranking) -> list[tuple[EpochPoint, Path]]:
    """Return a trial's checkpoints that are on disk and have a value, the best first."""
    return _ranked(kept_checkpoints(run.paths, row), ranking)


def checkpoint_files(
    kept: Sequence[tuple[EpochPoint, Path]], search: Search
) -> dict[str, tuple[Path, str]]:
    """Return checkpoints by their names in a preset's folder, the best first.

    With each goes what the model card says of it.
    """
    ranking = search.ranking
    return {
        best_name(ranking, point.epoch, point.metrics[ranking.metric]): (
            source / CHECKPOINT_FILE,
            _values(point, ranking),
        )
        for point, source in kept[: search.base_config.save_top_k]
    }


def _is_recorded(run: Run, row: TrialRow, provenance: Mapping[str, object]) -> bool:
    """Return whether the record has this promotion under another name: the preset was renamed."""
    confirmed = bool(provenance.get("confirmed"))
    known = read_promotions(run.paths)
    return any(one.trial == row.trial and one.confirmed == confirmed for one in known)


def _from_confirmation(
    run: Run, search: Search, row: TrialRow, values: Mapping[str, float]
) -> Candidate:
    """Return a trial with the checkpoints of the best training of its settings that has some."""
    key = settings_key(search.config_for(row.params))
    trained = {}
    for place in sorted(run.paths.confirmations.iterdir()):
        if is_run(RunPaths(place)):
            trained |= trained_in(RunPaths(place))
    sign = -1.0 if search.objective.mode == "max" else 1.0
    for seed in sorted(values, key=lambda seed: sign * values[seed]):
        one = trained.get(f"{key} seed {seed}")
        if one is not None and (kept := _ranked(one.checkpoints, search.ranking)):
            return Candidate(row=row, checkpoints=tuple(kept), seed=int(seed))
    raise UserError(
        f"trial {row.number} won, but neither the run nor its confirmations have checkpoints of it "
        f"any more: remove {run.paths.confirmations} and {run.paths.confirmation_file}, and the "
        "same command trains it again"
    )


def _ranked(
    kept: Sequence[tuple[EpochPoint, Path]], ranking: Ranking
) -> list[tuple[EpochPoint, Path]]:
    valued = [pair for pair in kept if has_value(pair[0].cost(ranking))]
    return sorted(valued, key=lambda pair: pair[0].cost(ranking))


def _values(point: EpochPoint, ranking: Ranking) -> str:
    """Return what ranks an epoch in words: its value, and that of the secondary metric."""
    names = dict.fromkeys(name for name in (ranking.metric, ranking.secondary) if name)
    values = [
        f"{name} {value_words(point.metrics[name])}" for name in names if name in point.metrics
    ]
    return f"{', '.join(values)} after epoch {point.epoch}"
