"""What a flag takes, read off its annotation, and the ways people write that."""

import re
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from models.errors import UserError, did_you_mean

_YES = ("true", "yes", "on", "1")
_NO = ("false", "no", "off", "0")
_BETWEEN_ITEMS = re.compile(r"[\s,;]+")
_A_TEXT = "a value, in quotes where it has spaces"
_AROUND_ITEMS = "[](){}\"' "


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A flag of a command.

    Attributes:
        name: without dashes.
        kinds: what a value may be: `int`, `float`, `bool`, `str`, `None`, or a list of these.
        choices: the only values of a text, where they are few.
        item: what an item is of a flag that takes several values, else None.
        required: whether it has no default.
        pairs: of a switch: whether there is a `--no_NAME`.
    """

    name: str
    kinds: frozenset[str]
    choices: tuple[str, ...] = ()
    item: str | None = None
    required: bool = False
    pairs: bool = True

    @property
    def is_switch(self) -> bool:
        """Whether the flag stands without a value."""
        return self.kinds == {"bool"}

    @property
    def collects(self) -> bool:
        """Whether the flag may be repeated: it takes several texts or files, each by itself."""
        return self.item is not None and self.item != "int"

    @property
    def last_holds(self) -> str:
        """What is said where the flag is given twice with different values."""
        several = f"; several numbers are written --{self.name} 3 5 7" if self.item else ""
        return f"it is given twice, and the last holds{several}"

    @property
    def takes(self) -> str:
        """What to give, in words."""
        if self.item == "int":
            one = "one whole number, or " if "int" in self.kinds else ""
            return f"{one}several, as in --{self.name} 3 5 7 or --{self.name} [3,5,7]"
        if self.item is not None:
            return "one or more values"
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        return {"int": "a whole number", "float": "a number"}.get(self._main_kind, _A_TEXT)

    @property
    def _main_kind(self) -> str:
        return next((kind for kind in ("float", "int") if kind in self.kinds), "str")

    def switched(self, negated: bool, values: Sequence[str]) -> bool:
        """Return whether a switch is turned on by `--NAME`, `--NAME true` or `--no_NAME`."""
        written = [value.lower() for value in values]
        if len(written) > 1 or any(word not in (*_YES, *_NO) for word in written):
            raise UserError(
                f"--{self.name} {' '.join(values)}: it is a switch: write --{self.name} to turn "
                f"it on, --no_{self.name} to turn it off"
            )
        return negated == (bool(written) and written[0] in _NO)

    def read(self, words: Sequence[str]) -> Any:
        """Return the plain value that the words behind the flag stand for.

        Raises:
            UserError: there are none, too many, or they are not what the flag takes.
        """
        written = " ".join([f"--{self.name}", *words])
        if not words:
            raise UserError(f"{written}: its value is missing: give {self.takes}")
        if self.item is not None:
            return self._several(words, written)
        if len(words) > 1:
            raise UserError(f"{written}: it takes one value, not {len(words)}: give {self.takes}")
        word = words[0]
        if self.choices and word not in self.choices:
            hint = did_you_mean(word, self.choices)
            raise UserError(f"{written}: give {self.takes}.{hint}")
        return self._number(word, written)

    def _several(self, words: Sequence[str], written: str) -> Any:
        if self.item != "int":
            return list(words)
        items = [item for word in words for item in _BETWEEN_ITEMS.split(word.strip(_AROUND_ITEMS))]
        try:
            numbers = [int(item) for item in items if item]
        except ValueError as error:
            raise UserError(f"{written}: give {self.takes}") from error
        if not numbers:
            raise UserError(f"{written}: no number is in it: give {self.takes}")
        return numbers[0] if len(numbers) == 1 and "int" in self.kinds else numbers

    def _number(self, word: str, written: str) -> Any:
        kind = self._main_kind
        if kind == "str" or (word == "None" and "None" in self.kinds):
            return word
        try:
            return int(word) if kind == "int" else float(word)
        except ValueError as error:
            whole = kind == "int" and _is_whole(word)
            example = f", {float(word):.0f}" if whole else ""
            raise UserError(f"{written}: give {self.takes}{example}") from error


def flag_of(name: str, hint: Any, *, required: bool, pairs: bool) -> Flag:
    """Return the flag of a field of a dataclass."""
    parts = list(members(hint))
    lists = [typing.get_args(m) for m in parts if typing.get_origin(m) in (tuple, list)]
    scalars = [m for m in parts if typing.get_origin(m) not in (tuple, list)]
    texts = [m for m in scalars if isinstance(m, str)]
    return Flag(
        name=name,
        kinds=frozenset("str" if isinstance(m, str) else _kind(m) for m in scalars),
        choices=tuple(texts),
        item=_kind(next(members(lists[0][0]))) if lists else None,
        required=required,
        pairs=pairs,
    )


def members(hint: Any) -> Iterator[Any]:
    """Take unions, literals and annotations apart; the options of a literal are themselves."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        for part in args:
            yield from members(part)
    elif origin is Annotated:
        yield from members(args[0])
    elif origin is Literal:
        yield from args
    else:
        yield hint


def _kind(member: Any) -> str:
    if member is types.NoneType:
        return "None"
    return "str" if member is Path else getattr(member, "__name__", "str")


def _is_whole(word: str) -> bool:
    try:
        return float(word).is_integer()
    except ValueError:
        return False
