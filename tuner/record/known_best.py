"""A result of an earlier run that is better than all that a run found itself."""

import math
from pathlib import Path

from tuner.record.results import Run, leaderboard
from tuner.record.values import value_words
from tuner.record.warm_start_file import with_written
from tuner.search.blocks import RunStart
from tuner.search.search import KnownTrial, Search


def better_known(run: Run, search: Search) -> KnownTrial | None:
    """Return the best known result of the warm start if it beats all trials in the first objective.

    Raises:
        UserError: the file that has those results is damaged.
    """
    sign = -1.0 if search.objective.mode == "max" else 1.0
    standings = leaderboard(run, search.ranking)
    own = standings[0].value if standings else math.nan
    known = with_written(search, run.paths).known
    best = min(known, key=lambda one: sign * one.scores[0], default=None)
    if best is None or (math.isfinite(own) and sign * best.scores[0] >= sign * own):
        return None
    return best


def better_known_words(run: Run, search: Search) -> str | None:
    """Say that a known result is better than every trial, and what promotes it; None where not."""
    best = better_known(run, search)
    if best is None:
        return None
    earlier, _, number = best.source.rpartition(", trial ")
    starts = [one.run for one in search.searcher.warm_start if isinstance(one, RunStart)]
    given = next((one for one in starts if Path(one).name == earlier), earlier)  # maybe a path
    return (
        f"better than every trial of this run: trial {number} of {earlier}, "
        f"{search.objective.metric} {value_words(best.scores[0])}, which the warm start gave as a "
        f"known result; `tuner promote {given} --trial {number}` makes a preset of it"
    )
