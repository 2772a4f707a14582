"""A program as its derivation, with the real names beside it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program, alpha-renamed.

    Args:
        ids: production ids of its left-most derivation.
        name: what the function was called.
        names: what the variables were called, by slot; empty for v0, v1, ...
    """

    ids: tuple[int, ...]
    name: str = "program"
    names: tuple[str, ...] = ()
