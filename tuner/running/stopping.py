"""Why a search ends before its trials are used up; Ray asks at every step.

Imports no Ray, whose environment is not set when this is loaded.
"""

import time
from collections.abc import Callable
from typing import Literal

from models.errors import UserError
from tuner.record.outcomes import Cause, Outcome

Reason = Literal["budget", "failed"]

NUM_FIRST_TRIALS = 3
"""So many first trials with the same exception end the search: the fault is not in the values."""


class SearchStop:
    """Ends the whole search once its budget is spent, or once somebody asked for it.

    Args:
        budget_s: seconds from now, or None without a limit.
        clock: seconds that only rise.

    Attributes:
        reason: why the search is over, None while it is not.
        said: which part of the budget is spent.
        error: what ended a search that failed.
        shortage: what is to be said at the end of checkpoints that did not fit.
    """

    def __init__(
        self, budget_s: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self.deadline = None if budget_s is None else clock() + budget_s
        self.reason: Reason | None = None
        self.said: str | None = None
        self.error: UserError | None = None
        self.shortage: str | None = None

    def fail(self, error: UserError) -> None:
        """End the search with this error; the first one stays."""
        if self.error is None:
            self.reason, self.error = "failed", error

    def spend(self, said: str) -> None:
        """End the search since a part of its budget is spent; the first reason stays."""
        if self.reason is None:
            self.reason, self.said = "budget", said

    def is_over(self) -> bool:
        """Return whether the search is over."""
        if self.reason is None and self.deadline is not None and self._clock() >= self.deadline:
            self.spend("the time budget ended it")
        return self.reason is not None


class FirstFailures:
    """Watches whether the first trials to end all end with the same exception."""

    def __init__(self) -> None:
        self._outcomes: list[Outcome] = []

    def add(self, outcome: Outcome) -> UserError | None:
        """Take one more ended trial; return the error that ends the search, if it is one."""
        if len(self._outcomes) >= NUM_FIRST_TRIALS:
            return None
        self._outcomes.append(outcome)
        first = self._outcomes[0]
        same = all(_kind(other) == _kind(first) for other in self._outcomes)
        if len(self._outcomes) < NUM_FIRST_TRIALS or first.cause != Cause.ERROR or not same:
            return None
        where = f" ({first.where})" if first.where else ""
        return UserError(
            f"the first {NUM_FIRST_TRIALS} trials all failed with the same error, so the search "
            f"was ended: {first.message}{where}"
        )


def _kind(outcome: Outcome) -> tuple[str | None, ...]:
    """Return what makes two failures the same."""
    return outcome.cause, outcome.where, outcome.fault
