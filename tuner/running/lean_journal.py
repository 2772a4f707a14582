"""The study's journal as a driver holds it: trials that have ended take less than 100 bytes each.

Optuna keeps every trial whole, with all its epochs and attributes, some 3 kB each. All of that is
in the journal, which other processes read; a driver asks for trials that run, and for the results
of those that have ended. These are rows of numbers here, and become trials when somebody asks.
"""

import copy
from array import array
from collections.abc import Container, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial, TrialState

_EPOCH = datetime(1970, 1, 1)
_TICK = timedelta(microseconds=1)
_NEVER = -(2**63)
_NONE = -1


class LeanJournalStorage(JournalStorage):
    """A journal of which the trials that have ended are packed.

    They come without user attributes and without the values of their epochs.

    Args:
        log_storage: the journal.
    """

    def __init__(self, log_storage: BaseJournalBackend) -> None:
        super().__init__(log_storage)
        known: Any = self._replay_result
        self._trials = known._trials = PackedTrials(known._trials)
        # Both would hold objects for each trial.
        known._trial_id_to_study_id = DenseNumbers(known._trial_id_to_study_id)
        known._study_id_to_trial_ids = _NumberLists(known._study_id_to_trial_ids)

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


class DenseNumbers:
    """Numbers from 0 on by the numbers from 0 to some thousands, four bytes for each.

    Args:
        known: the first ones.
    """

    def __init__(self, known: Mapping[int, int] | None = None) -> None:
        self._values = array("i")
        for key, value in (known or {}).items():
            self[key] = value

    def __getitem__(self, key: int) -> int:
        """Return the number of a key.

        Raises:
            KeyError: it has none.
        """
        value = self._values[key] if 0 <= key < len(self._values) else _NONE
        if value == _NONE:
            raise KeyError(key)
        return value

    def __setitem__(self, key: int, value: int) -> None:
        """Give a key its number."""
        missing = key + 1 - len(self._values)
        self._values.extend([_NONE] * missing)
        self._values[key] = value

    def __delitem__(self, key: int) -> None:
        """Take the number of a key away."""
        self[key]  # there must be one
        self._values[key] = _NONE

    def __contains__(self, key: object) -> bool:
        """Return whether a key has a number."""
        return isinstance(key, int) and key in range(len(self._values)) and self._values[key] >= 0

    def __iter__(self) -> Iterator[int]:
        """Yield the keys that have a number."""
        return (key for key, value in enumerate(self._values) if value != _NONE)


class _NumberLists(dict[int, Any]):
    """Lists of numbers by number, eight bytes for each of theirs."""

    def __init__(self, lists: Mapping[int, list[int]]) -> None:
        super().__init__({key: array("q", numbers) for key, numbers in lists.items()})

    def __setitem__(self, key: int, numbers: list[int]) -> None:
        super().__setitem__(key, array("q", numbers))


@dataclass(kw_only=True)
class _Table:
    """Trials that have ended with the same keys, in the same state.

    Attributes:
        num_values: how many objectives they have.
        rows: of each its values, and its parameters as Optuna writes them.
        numbers: of each its number.
        times: of each the microseconds at which it began and ended, since 1970 on its clock.
    """

    names: tuple[str, ...]
    distributions: Mapping[str, BaseDistribution]
    state: TrialState
    num_values: int
    rows: "array[float]" = field(default_factory=lambda: array("d"))
    numbers: "array[int]" = field(default_factory=lambda: array("i"))
    times: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, trial: FrozenTrial) -> int:
        """Add a trial; return its place."""
        inner = (self.distributions[n].to_internal_repr(trial.params[n]) for n in self.names)
        self.rows.extend((*(trial.values or ()), *inner))
        self.numbers.append(trial.number)
        self.times.extend(map(_ticks, (trial.datetime_start, trial.datetime_complete)))
        return len(self.numbers) - 1

    def trial(self, trial_id: int, place: int, system: Mapping[str, Any]) -> FrozenTrial:
        """Return the trial of a place."""
        width, distributions = self.num_values + len(self.names), dict(self.distributions)
        row = self.rows[place * width : (place + 1) * width]
        start, complete = map(_time, self.times[2 * place : 2 * place + 2])
        params = {
            name: distributions[name].to_external_repr(number)
            for name, number in zip(self.names, row[self.num_values :], strict=True)
        }
        return FrozenTrial(
            trial_id=trial_id,
            number=self.numbers[place],
            state=self.state,
            value=None,
            values=list(row[: self.num_values]) or None,
            params=params,
            distributions=distributions,
            user_attrs={},
            system_attrs=dict(system),
            intermediate_values={},
            datetime_start=start,
            datetime_complete=complete,
        )


class PackedTrials(MutableMapping[int, FrozenTrial]):
    """Trials by their ids in a storage: whole while they run, packed when they have ended.

    Args:
        trials: the first ones.

    Attributes:
        open: those that have not ended.
    """

    def __init__(self, trials: Mapping[int, FrozenTrial]) -> None:
        self.open: dict[int, FrozenTrial] = {}
        self._tables: list[_Table] = []
        self._table_numbers: dict[str, int] = {}
        self._table_of = DenseNumbers()
        self._place_of = DenseNumbers()
        self._system: dict[int, Mapping[str, Any]] = {}
        self._num_ended = 0
        self.update(trials)

    def __getitem__(self, number: int) -> FrozenTrial:
        """Return a trial."""
        found = self.open.get(number)
        if found is not None:
            return found
        table = self._tables[self._table_of[number]]
        return table.trial(number, self._place_of[number], self._system.get(number, {}))

    def __setitem__(self, number: int, trial: FrozenTrial) -> None:
        """Keep a trial as it is now."""
        if number in self:
            del self[number]
        if not trial.state.is_finished():
            self.open[number] = trial
            return
        table = self._table_of[number] = self._table_for(trial)
        self._place_of[number] = self._tables[table].add(trial)
        self._num_ended += 1
        if trial.system_attrs:
            self._system[number] = trial.system_attrs

    def __delitem__(self, number: int) -> None:
        """Drop a trial."""
        if self.open.pop(number, None) is None:
            del self._table_of[number]
            self._system.pop(number, None)
            self._num_ended -= 1

    def __iter__(self) -> Iterator[int]:
        """Yield the ids in the order of their creation."""
        return iter(sorted([*self._table_of, *self.open]))

    def __len__(self) -> int:
        """Return how many trials there are."""
        return self._num_ended + len(self.open)

    def __contains__(self, number: object) -> bool:
        """Return whether a trial is there."""
        return number in self.open or number in self._table_of

    def _table_for(self, trial: FrozenTrial) -> int:
        """Return the number of the table for a trial."""
        table = _Table(
            names=tuple(trial.params),
            distributions=trial.distributions,
            state=trial.state,
            num_values=len(trial.values or ()),
        )
        number = self._table_numbers.setdefault(repr(table), len(self._tables))
        if number == len(self._tables):
            self._tables.append(table)
        return number


def _ticks(time: datetime | None) -> int:
    return _NEVER if time is None else (time - _EPOCH) // _TICK


def _time(ticks: int) -> datetime | None:
    return None if ticks == _NEVER else _EPOCH + ticks * _TICK
