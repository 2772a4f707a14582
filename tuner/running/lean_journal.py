"""The study's journal as a driver holds it: trials that have ended take half a kilobyte each.

Optuna keeps every trial whole, with all its epochs and attributes, some 3 kB each. All of that is
in the journal, which other processes read; a driver asks for trials that run, and for the results
of those that have ended. These are packed here, and unpacked when somebody asks.
"""

import copy
from array import array
from collections.abc import Container, Iterator, Mapping, MutableMapping
from datetime import datetime
from typing import Any, NamedTuple

from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial, TrialState


class LeanJournalStorage(JournalStorage):
    """A journal of which the trials that have ended are packed.

    They come without user attributes and without the values of their epochs.

    Args:
        log_storage: the journal.
    """

    def __init__(self, log_storage: BaseJournalBackend) -> None:
        super().__init__(log_storage)
        self._trials = PackedTrials(self._replay_result._trials)
        self._replay_result._trials = self._trials  # pyright: ignore[reportAttributeAccessIssue]

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials in these states; those that run cost no look at the others."""
        if states is None or any(state in states for state in TrialState if state.is_finished()):
            return super().get_all_trials(study_id, deepcopy, states)
        with self._thread_lock:
            self._sync_with_backend()
            of_study = self._replay_result._trial_id_to_study_id
            found = [
                one
                for number, one in sorted(self._trials.open.items())
                if of_study[number] == study_id and one.state in states
            ]
        return copy.deepcopy(found) if deepcopy else found


class _Shape(NamedTuple):
    """What trials with the same keys share."""

    names: tuple[str, ...]
    distributions: Mapping[str, BaseDistribution]


class _Ended(NamedTuple):
    """A trial that has ended.

    Attributes:
        numbers: its values, and the parameters as Optuna writes them.
        system: its system attributes; None for none.
    """

    number: int
    state: TrialState
    num_values: int
    numbers: "array[float]"
    shape: _Shape
    start: datetime | None
    complete: datetime | None
    system: Mapping[str, Any] | None


class PackedTrials(MutableMapping[int, FrozenTrial]):
    """Trials by their ids in a storage: whole while they run, packed when they have ended.

    Args:
        trials: the first ones.

    Attributes:
        open: those that have not ended.
    """

    def __init__(self, trials: Mapping[int, FrozenTrial]) -> None:
        self.open: dict[int, FrozenTrial] = {}
        self._ended: dict[int, _Ended] = {}
        self._shapes: dict[str, _Shape] = {}
        self.update(trials)

    def __getitem__(self, number: int) -> FrozenTrial:
        """Return a trial."""
        found = self.open.get(number)
        return found if found is not None else _unpacked(number, self._ended[number])

    def __setitem__(self, number: int, trial: FrozenTrial) -> None:
        """Keep a trial as it is now."""
        if trial.state.is_finished():
            self.open.pop(number, None)
            self._ended[number] = self._packed(trial)
        else:
            self.open[number] = trial

    def __delitem__(self, number: int) -> None:
        """Drop a trial."""
        del (self.open if number in self.open else self._ended)[number]

    def __iter__(self) -> Iterator[int]:
        """Yield the ids in the order of their creation."""
        return iter(sorted([*self._ended, *self.open]))

    def __len__(self) -> int:
        """Return how many trials there are."""
        return len(self.open) + len(self._ended)

    def __contains__(self, number: object) -> bool:
        """Return whether a trial is there."""
        return number in self.open or number in self._ended

    def _packed(self, trial: FrozenTrial) -> _Ended:
        shape = _Shape(tuple(trial.params), trial.distributions)
        shape = self._shapes.setdefault(repr(shape), shape)
        values = trial.values or ()
        params = trial.params
        inner = [shape.distributions[name].to_internal_repr(params[name]) for name in shape.names]
        return _Ended(
            number=trial.number,
            state=trial.state,
            num_values=len(values),
            numbers=array("d", [*values, *inner]),
            shape=shape,
            start=trial.datetime_start,
            complete=trial.datetime_complete,
            system=trial.system_attrs or None,
        )


def _unpacked(trial_id: int, ended: _Ended) -> FrozenTrial:
    values, inner = ended.numbers[: ended.num_values], ended.numbers[ended.num_values :]
    distributions = dict(ended.shape.distributions)
    return FrozenTrial(
        trial_id=trial_id,
        number=ended.number,
        state=ended.state,
        value=None,
        values=list(values) or None,
        params={
            name: distributions[name].to_external_repr(number)
            for name, number in zip(ended.shape.names, inner, strict=True)
        },
        distributions=distributions,
        user_attrs={},
        system_attrs=dict(ended.system or {}),
        intermediate_values={},
        datetime_start=ended.start,
        datetime_complete=ended.complete,
    )
