"""What each production is in the graph of a program, as arrays by production id."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.programs.language.kinds import ConstantValue, Kind, language
from models.programs.language.tree import ITEMS

_SEQUENCES = {"BLOCK": "BLOCK", "PARAM": "PARAM", "NUMBER": "DIGITS", "DIGITS": "DIGITS"}
_SEQUENCES |= {"CHARS": "CHARS", **{name: name for name in ITEMS}}
"""Nonterminal -> the nonterminal of what follows it beside it, at the end of a right-hand side."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphTables:
    """P productions with at most R nonterminals on their right-hand sides.

    Args:
        node_kinds: names of the kinds of nodes: a nonterminal and a kind.
        constants: values of constants, digits and characters.
        kind: int16 (P,), index into `node_kinds`, -1 where a production makes no node.
        slot: int8 (P,), slot that it stands for, else -1.
        defines: int64 (P,), how many slots it defines; a node stands for the first one.
        constant: int16 (P,), index into `constants`, else -1.
        counts: bool (P,), whether it is a while, whose first child is its counter.
        steps: bool (P,), whether it changes the counter of the while around it.
        num_children: int64 (P,).
        continues: bool (P, R), whether the child stands beside the node and not below it; the
            first child of the right-hand side is the last one here, as on a stack.
        role: int64 (P, R), place of the child on the right-hand side, in the same order.
    """

    node_kinds: tuple[str, ...]
    constants: tuple[ConstantValue, ...]
    kind: NDArray[np.int16]
    slot: NDArray[np.int8]
    defines: NDArray[np.int64]
    constant: NDArray[np.int16]
    counts: NDArray[np.bool_]
    steps: NDArray[np.bool_]
    num_children: NDArray[np.int64]
    continues: NDArray[np.bool_]
    role: NDArray[np.int64]


def continues(kind: Kind, place: int) -> bool:
    """Tell whether a child of a production follows beside its node: the rest of a block, ..."""
    is_last = place == len(kind.children) - 1
    return is_last and _SEQUENCES.get(kind.lhs) == kind.children[place]


@lru_cache(maxsize=1)
def graph_tables() -> GraphTables:
    """Return the tables, built once."""
    kinds = language().kinds
    names = tuple(dict.fromkeys(_node_kind(kind) for kind in kinds if kind.makes_node))
    # By type as well, since True equals 1.
    values = {(type(k.value), k.value): k.value for k in kinds}
    del values[type(None), None]
    places = {key: index for index, key in enumerate(values)}
    width = max(len(kind.children) for kind in kinds)
    beside = np.zeros((len(kinds), width), dtype=np.bool_)
    role = np.zeros((len(kinds), width), dtype=np.int64)
    for kind in kinds:
        size = len(kind.children)
        role[kind.id, :size] = range(size - 1, -1, -1)
        beside[kind.id, :size] = [
            not kind.makes_node or continues(kind, place) for place in range(size - 1, -1, -1)
        ]
    return GraphTables(
        node_kinds=names,
        constants=tuple(value for value in values.values() if value is not None),
        kind=np.array(
            [names.index(_node_kind(k)) if k.makes_node else -1 for k in kinds], np.int16
        ),
        slot=np.array([-1 if kind.slot is None else kind.slot for kind in kinds], np.int8),
        defines=np.array([len(kind.defined) for kind in kinds]),
        constant=np.array([places.get((type(k.value), k.value), -1) for k in kinds], np.int16),
        counts=np.array([kind.family == "while" for kind in kinds]),
        steps=np.array([kind.family == "step" for kind in kinds]),
        num_children=np.array([len(kind.children) for kind in kinds]),
        continues=beside,
        role=role,
    )


def node_kinds() -> tuple[str, ...]:
    """Return the names of the kinds of nodes; `kind` of a graph is an index into them."""
    return graph_tables().node_kinds


def constants() -> tuple[ConstantValue, ...]:
    """Return the values of constants, digits and characters; `constant` of a graph is an index."""
    return graph_tables().constants


def _node_kind(kind: Kind) -> str:
    return f"{kind.lhs} {kind.name}"
