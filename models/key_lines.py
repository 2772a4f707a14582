"""Where the keys of a YAML file stand, so that a mistake can be told with its line.

Files whose content would take for ever are refused here: nested too deep, or with aliases that
stand for more values than anybody writes.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from models.errors import UserError

KeyLines: TypeAlias = Mapping[tuple[str | int, ...], int]
"""Lines from 1, by the keys and positions that lead to a value."""

_DEEPEST = 40
_MOST_VALUES = 1_000_000


def key_lines(root: Any) -> KeyLines:
    """Return the lines of all keys below a node of PyYAML; an alias counts where it is first met.

    Raises:
        UserError: the file is nested too deep, or its aliases stand for too many values.
    """
    lines: dict[tuple[str | int, ...], int] = {}
    sizes: dict[int, int] = {}

    def walk(node: Any, path: tuple[str | int, ...]) -> int:
        """Return how many values a node stands for, its aliases written out."""
        at = f"line {node.start_mark.line + 1}"
        if len(path) > _DEEPEST:
            raise UserError(f"{at}: nested more than {_DEEPEST} levels deep")
        if id(node) in sizes:
            return sizes[id(node)]
        sizes[id(node)] = size = 1  # what stands within itself is refused later
        for key, mark, inner in _inner(node):
            lines[(*path, key)] = mark.line + 1
            size += walk(inner, (*path, key)) if inner.id != "scalar" else 1
        if size > _MOST_VALUES:
            raise UserError(f"{at}: with its aliases written out, over {_MOST_VALUES:,} values")
        sizes[id(node)] = size
        return size

    walk(root, ())
    return lines


def _inner(node: Any) -> Iterator[tuple[str | int, Any, Any]]:
    if node.id == "mapping":
        yield from ((str(key.value), key.start_mark, value) for key, value in node.value)
    if node.id == "sequence":
        yield from ((index, item.start_mark, item) for index, item in enumerate(node.value))
