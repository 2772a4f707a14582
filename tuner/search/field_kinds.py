"""What kinds of plain values a key of a settings dataclass takes, read off its annotation."""

import types
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any

from models.commands.flag_values import members


@cache
def field_kinds(config_type: type, key: str) -> frozenset[str]:
    """Return the kinds of values a key takes: `int float bool str None list`, one or several."""
    return frozenset(_kind(member) for member in _members(_hint(config_type, key)))


@cache
def item_kinds(config_type: type, key: str) -> frozenset[str]:
    """Return the kinds of values that the items of a key's list take."""
    return frozenset(
        _kind(item_member)
        for member in _members(_hint(config_type, key))
        if _kind(member) == "list"
        for item in typing.get_args(member)
        if item is not Ellipsis
        for item_member in _members(item)
    )


def _hint(config_type: type, key: str) -> Any:
    return typing.get_type_hints(config_type)[key]


def _members(hint: Any) -> Iterator[Any]:
    """Take unions, literals and annotations apart; an option of a literal stands for its type."""
    return (type(m) if isinstance(m, str | int | float) else m for m in members(hint))


def _kind(member: Any) -> str:
    if typing.get_origin(member) in (list, tuple):
        return "list"
    return "None" if member is types.NoneType else getattr(member, "__name__", str(member))
