"""Count which constructs stand where in generated programs, for the costs of the enumeration.

    python -m models.programs.synthesis.learn_costs

writes `costs.json` beside this file: run it after a change of the language or of its generator.
"""

import argparse
import json
import random
from collections import Counter
from pathlib import Path

from models.programs.data.generator import random_program
from models.programs.language.kinds import CONSTANT
from models.programs.language.tree import Node

COSTS = Path(__file__).with_name("costs.json")
_PROGRAMS, _MAX_NODES = 8_000, 60
_RARE = 2
"""Counts up to this are noise, and most of the file."""

_NOT_COUNTED = ("gather", "each", "where")
"""Comprehensions, which the search writes as loops."""

Counts = dict[str, Counter[str]]


def symbol_of(item: Node) -> str:
    """Return what an expression's root counts as: a variable, this constant, or a kind."""
    if item.kind == CONSTANT:
        return repr(item.value)
    return item.kind


def count(tree: Node, counts: Counts) -> None:
    """Count the roots of expressions by where they stand, and statements by their kind."""
    for statement in (each for block in tree.blocks for each in block):
        counts.setdefault("statements", Counter())[statement.kind] += 1
        count(statement, counts)
    for place, item in enumerate(tree.args):
        if tree.family in _NOT_COUNTED:
            count(item, counts)
        elif not item.kind.startswith("param_"):
            counts.setdefault(f"{tree.kind} {place}", Counter())[symbol_of(item)] += 1
            count(item, counts)


def main() -> None:
    """Write the counts."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    counts: Counts = {}
    rng = random.Random("costs")
    for _ in range(_PROGRAMS):
        count(random_program(rng, _MAX_NODES), counts)
    kept = {
        where: {symbol: n for symbol, n in sorted(found.items()) if n > _RARE}
        for where, found in sorted(counts.items())
    }
    COSTS.write_text(json.dumps(kept, indent=0, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
