"""Keys that act only where another key has certain values, and what is said where they do not.

Every model declares them as data. A key that a person sets, by a flag or in a search, must act;
a preset may carry a value that waits for another key, as a complete setting has to.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from models.errors import UserError

_LONG = 12
"""More characters than that has no number that somebody wrote."""


@dataclass(frozen=True, kw_only=True)
class Applies:
    """A key that acts only where another key has one of some values, or is above a number.

    Attributes:
        key: the key.
        on: the other key.
        values: of `on`, with which the key acts; empty where `above` says it.
        above: the key acts where `on` is more than this.
        of: the values of the key that this is said of; empty: all.
        off: the value of the key that asks for nothing, which is true in any case.
        why: what the key does, so that one sees the reason.
    """

    key: str
    on: str
    values: tuple[Any, ...] = ()
    above: float | None = None
    of: tuple[Any, ...] = ()
    off: Any = None
    why: str

    def holds_with(self, value: Any) -> bool:
        """Return whether the key acts where the other key has this value."""
        if self.above is not None:
            return value > self.above
        return value in self.values

    def concerns(self, value: Any) -> bool:
        """Return whether this is said of a value of the key."""
        if self.of:
            return value in self.of
        return self.off is None or value != self.off

    @property
    def needs(self) -> str:
        """What the other key has to be, in words."""
        if self.above is not None:
            return f"{self.on} above {self.above:g}"
        return f"{self.on} {' or '.join(map(plain, self.values))}"


def idle_keys(applies: Iterable[Applies], settings: Mapping[str, Any]) -> list[Applies]:
    """Return what is declared of the keys whose values have no effect under complete settings."""
    return [
        each
        for each in applies
        if each.concerns(settings[each.key]) and not each.holds_with(settings[each.on])
    ]


def refuse_idle_flags(
    applies: Iterable[Applies], settings: Mapping[str, Any], given: Collection[str]
) -> None:
    """Refuse flags that would have no effect.

    Args:
        applies: what the model declares.
        settings: complete, with the flags.
        given: names of the flags that are given.

    Raises:
        UserError: with every such flag, why it has no effect, and what to change.
    """
    mistakes = [
        f"--{each.key} {plain(settings[each.key])} would have no effect: {each.why}, and "
        f"{each.on} is {plain(settings[each.on])}: leave it out, or take {each.needs}"
        for each in idle_keys(applies, settings)
        if each.key in given
    ]
    if mistakes:
        raise UserError(*mistakes)


def idle_notes(
    applies: Iterable[Applies], settings: Mapping[str, Any], defaults: Mapping[str, Any]
) -> list[str]:
    """Return a line for each key that was set to something once, by a preset, and has no effect."""
    return [
        f"note: {each.key} {plain(settings[each.key])} has no effect: {each.why}, and {each.on} "
        f"is {plain(settings[each.on])}"
        for each in idle_keys(applies, settings)
        if settings[each.key] != defaults[each.key]
    ]


def plain(value: Any) -> str:
    """Return a value as YAML in one line; of a long number six digits, which are read."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {plain(part)}' for key, part in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(plain, value))}]"
    if value is None:
        return "null"
    text = str(value)
    if isinstance(value, float) and len(text) > _LONG:  # drawn or computed: nobody wrote that
        return f"{value:.6g}"
    return text.lower() if isinstance(value, bool) else text
