"""The order in which the keys of a space get their values: parents first."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from models.errors import Mistake, UserError


class _Entry(Protocol):
    @property
    def key(self) -> str: ...

    @property
    def parents(self) -> tuple[str, ...]: ...


EntryT = TypeVar("EntryT", bound=_Entry)


def parents_first(entries: Sequence[EntryT]) -> tuple[EntryT, ...]:
    """Return the entries in their own order, but each behind those that it depends on.

    Raises:
        UserError: they depend on each other in a circle, which is named.
    """
    by_key = {entry.key: entry for entry in entries}
    placed: dict[str, EntryT] = {}

    def place(key: str, path: tuple[str, ...]) -> None:
        if key in path:
            circle = " -> ".join([*path[path.index(key) :], key])
            rule = f"the keys depend on each other in a circle ({circle})"
            remedy = "remove one `when`, `length` or `expr`"
            raise UserError(Mistake(place=f"space.{key}", rule=rule, remedy=remedy))
        if key in placed or key not in by_key:
            return
        for parent in by_key[key].parents:
            place(parent, (*path, key))
        placed[key] = by_key[key]

    for entry in entries:
        place(entry.key, ())
    return tuple(placed.values())
