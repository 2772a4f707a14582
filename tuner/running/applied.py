"""Whether what was drawn for a trial reached its model and was used there.

A trial says itself from which settings its model was built, and which of the drawn keys the model
never looked at in the whole of its training. A search whose keys do not act would rank chance.
"""

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from models.config_file import to_mapping
from models.effects import Applies, idle_keys
from models.errors import UserError
from tuner.search.domains import same_value


class Watch:
    """Settings of a model that remember which of their keys were read.

    Args:
        settings: a settings dataclass.

    Attributes:
        settings: the same, to be handed to the model.
    """

    def __init__(self, settings: Any) -> None:
        self._read: set[str] = set()
        self._is_on = False
        self._plain = settings
        self.settings = self._watched(settings)
        self._is_on = True

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Read keys in the block without a trace, as for a checkpoint, which holds all."""
        self._is_on = False
        try:
            yield
        finally:
            self._is_on = True

    def unread(self, keys: Iterable[str], applies: Iterable[Applies]) -> list[str]:
        """Return those of the keys that nobody read, but for those that wait for another key."""
        waiting = {each.key for each in idle_keys(applies, to_mapping(self._plain))}
        return [key for key in keys if key not in self._read | waiting]

    def _watched(self, settings: Any) -> Any:
        watch, plain = self, type(settings)
        keys = frozenset(field.name for field in dataclasses.fields(settings))

        class Watched(plain):
            def __getattribute__(self, name: str) -> Any:
                if watch._is_on and name in keys:
                    watch._read.add(name)
                return super().__getattribute__(name)

            def __reduce__(self) -> tuple[Any, ...]:
                """Pickle as what it stands for."""
                return dataclasses.replace, (watch._plain,)

        Watched.__name__, Watched.__qualname__ = plain.__name__, plain.__qualname__
        return Watched(**{key: getattr(settings, key) for key in keys})


class AppliedCheck:
    """Holds what trials say of their models against what was drawn for them.

    Args:
        is_judged: whether a trial of an earlier driver came to its end, so that all keys act.
    """

    def __init__(self, *, is_judged: bool = False) -> None:
        self._is_judged = is_judged

    def built(
        self, number: int, params: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> UserError | None:
        """Take the settings that a trial's model was built from; return the error, if it is one."""
        missed = {
            key: value for key, value in params.items() if not same_value(settings.get(key), value)
        }
        if not missed:
            return None
        shown = ", ".join(
            f"{key} = {settings.get(key, 'nothing')!r} instead of {value!r}"
            for key, value in missed.items()
        )
        return UserError(
            f"what is searched does not reach the model: trial {number} was built with {shown}, so "
            "the search was ended: see what the model's build_task makes of its settings"
        )

    def done(self, number: int, unread: Collection[str]) -> UserError | None:
        """Take the end of a trial; the first one tells of keys that change nothing."""
        first, self._is_judged = not self._is_judged, True
        if not first or not unread:
            return None
        keys = " and ".join(unread)
        return UserError(
            f"searching {keys} changes nothing: the model did not read {keys} in all of trial "
            f"{number}, so the search was ended: let the model use it or take it out of `space`; "
            "where it acts with some values of another key only, say so by `when`"
        )
