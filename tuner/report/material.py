"""All that a report is made of, read from a run's folder once."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from models.errors import UserError
from models.training.ranking import Ranking
from tuner.record.confirmations import Confirmation, read_confirmations
from tuner.record.events import Event, read_events
from tuner.record.paths import RunPaths
from tuner.record.promotions import PromotedTrial, read_promotions
from tuner.record.results import Run, Standing, leaderboard, read_run
from tuner.record.search_copy import read_search
from tuner.search.search import Search
from tuner.search.space import flatten

T = TypeVar("T")
_MOST_TOP = 50


@dataclass(frozen=True, kw_only=True)
class Material:
    """A run, and what was made of it.

    Attributes:
        events: what happened, in order.
        confirmations: of its best trials, the oldest first.
        promoted: the presets that were made of it.
        problems: what cannot be read, a sentence each.
        now: seconds since 1970, when this was read.
    """

    run: Run
    search: Search
    events: tuple[Event, ...]
    confirmations: tuple[Confirmation, ...] = ()
    promoted: tuple[PromotedTrial, ...] = ()
    problems: tuple[str, ...] = ()
    now: float

    @cached_property
    def ranking(self) -> Ranking:
        """The order of epochs and trials."""
        return self.search.ranking

    @property
    def metric(self) -> str:
        """What is optimised; of several objectives, the first."""
        return self.ranking.metric

    @property
    def sign(self) -> float:
        """1 where more is better, -1 where less is: times a value, more is better."""
        return 1.0 if self.ranking.mode == "max" else -1.0

    @cached_property
    def standings(self) -> tuple[Standing, ...]:
        """The trials, the best first."""
        return tuple(leaderboard(self.run, self.ranking))

    @cached_property
    def valued(self) -> tuple[Standing, ...]:
        """The trials that have a value, the best first."""
        return tuple(one for one in self.standings if math.isfinite(one.value))

    @cached_property
    def best(self) -> Standing | None:
        """The best trial."""
        return self.valued[0] if self.valued else None

    def flat(self, one: Standing) -> dict[str, object]:
        """Return a trial's searched values, lists taken apart: `encoder_kernel[0]`."""
        return flatten(one.row.params, self.search.space)


def read_material(paths: RunPaths) -> Material:
    """Read all that a run's folder tells, whatever state the run is in.

    Raises:
        RunCorrupt: a line of the event log cannot be what was written.
        UserError: the search of the run, or its environment, cannot be read.
    """
    search = read_search(paths)
    events = tuple(read_events(paths.events_file))
    problems: list[str] = []
    return Material(
        run=read_run(paths, events),
        search=search,
        events=events,
        confirmations=_attempt(read_confirmations, paths, problems),
        promoted=_attempt(read_promotions, paths, problems),
        problems=tuple(problems),
        now=time.time(),
    )


def top_trials(valued: Sequence[Standing]) -> int:
    """Return how many trials count as the best ones: a tenth, but a few at least and not many."""
    return min(len(valued), _MOST_TOP, max(3, math.ceil(0.1 * len(valued))))


def _attempt(
    read: Callable[[RunPaths], Sequence[T]], paths: RunPaths, problems: list[str]
) -> tuple[T, ...]:
    try:
        return tuple(read(paths))
    except UserError as error:  # the rest of the report is as good without it
        problems.append(str(error))
        return ()
