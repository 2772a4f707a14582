"""What a page is made of: sections of words, figures, tables and texts to copy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Columns: TypeAlias = Mapping[str, Sequence[Any]]
"""Rows of data by column, which takes a fraction of the room that rows take."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A drawing.

    Attributes:
        name: its id in the page.
        title: what stands above it; empty where the section says all.
        spec: in Vega-Lite; its data are named.
        data: the rows that it names.
        note: what is thinned or left out, and how to read it.
        small: whether several stand side by side.
    """

    name: str
    title: str = ""
    spec: Mapping[str, Any]
    data: Mapping[str, Columns]
    note: str = ""
    small: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text; those beyond `num_open` are folded away.

    Attributes:
        numbers: the columns that are set to the right.
    """

    title: str = ""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[str, ...] = ()
    note: str = ""
    num_open: int = 15


@dataclass(frozen=True, kw_only=True)
class Code:
    """Text to copy; `folded` shows its title until it is asked for."""

    title: str
    text: str
    note: str = ""
    folded: bool = False


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page with a heading of its own.

    Attributes:
        anchor: its id in the page.
        words: what its figures show in this run, in plain sentences, the most telling first.
        missing: what cannot be shown, and why.
    """

    anchor: str
    title: str
    words: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    codes: tuple[Code, ...] = ()
