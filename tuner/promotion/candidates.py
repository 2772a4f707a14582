"""Which trials of a run can be promoted, and which have been."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.presets import Preset, survey_presets
from models.training.ranking import Ranking, has_value
from tuner.record.promotions import read_promotions
from tuner.record.results import Run, kept_checkpoints
from tuner.record.trial_rows import EpochPoint, TrialRow
from tuner.search.search import Search

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
    """A preset that was made: where it lies and what it came from.

    Attributes:
        resumed: whether an earlier promotion made it, which was killed before it was recorded.
    """

    preset: Preset
    folder: Path
    row: TrialRow
    best: EpochPoint
    resumed: bool = False


def candidates(run: Run, search: Search, found: Sequence[Promoted] = ()) -> list[Candidate]:
    """Return the trials that can be promoted and were not yet, the best first.

    Args:
        run: whose trials.
        search: its search.
        found: promotions that the run's record does not name.
    """
    ranking = search.ranking
    done = {entry.trial for entry in read_promotions(run.paths)} | {one.row.trial for one in found}
    ready = []
    for row in run.rows:
        if row.state not in _PROMOTABLE or row.trial in done:
            continue
        if kept := kept_best(run, row, ranking):
            ready.append(Candidate(row=row, checkpoints=tuple(kept)))
    return sorted(ready, key=lambda one: (one.best.cost(ranking), one.row.number))


def unrecorded(run: Run, search: Search) -> list[Promoted]:
    """Return the presets made of this run that its record does not name: a promotion was killed."""
    done = {entry.trial for entry in read_promotions(run.paths)}
    rows = {row.trial: row for row in run.rows if row.trial not in done}
    found = []
    for preset in survey_presets([search.spec]).presets:
        provenance = preset.provenance or {}
        row = rows.get(provenance.get("trial", {}).get("id"))
        if row is None or provenance.get("run") != run.name or not preset.checkpoints:
            continue
        epoch = provenance["metric"]["epoch"]
        best = next((point for point in row.curve if point.epoch == epoch), None)
        if best is not None:
            folder = preset.source.with_suffix("")
            found.append(Promoted(preset=preset, folder=folder, row=row, best=best, resumed=True))
    return found


def failed_ahead(run: Run, search: Search, promoted: Sequence[Promoted]) -> list[TrialRow]:
    """Return the failed trials that rank above one that was promoted; they never are themselves."""
    ranking = search.ranking
    last = max(one.best.cost(ranking) for one in promoted)
    failed = [row for row in run.rows if row.state == "failed" and row.cost(ranking) < last]
    return sorted(failed, key=lambda row: row.cost(ranking))


def kept_best(run: Run, row: TrialRow, ranking: Ranking) -> list[tuple[EpochPoint, Path]]:
    """Return a trial's checkpoints that are on disk and have a value, the best first."""
    kept = [pair for pair in kept_checkpoints(run.paths, row) if has_value(pair[0].cost(ranking))]
    return sorted(kept, key=lambda pair: pair[0].cost(ranking))
