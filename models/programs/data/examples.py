"""Examples of what a program does, visible and hidden ones, that reach all of its branches."""

import json
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from models.programs.data.behaviour import Behaviour
from models.programs.data.inputs import Inputs, flat_probes, random_inputs
from models.programs.execution.example_text import Example
from models.programs.execution.interpreter import Interpreter
from models.programs.execution.outcomes import Outcome, Value, text_of
from models.programs.language.kinds import Type
from models.programs.language.tree import Node

NUM_VISIBLE = 5
NUM_HIDDEN = 5
NUM_EXAMPLES = NUM_VISIBLE + NUM_HIDDEN

_NUM_RANDOM = 20
"""Random inputs to choose from, beside the probes."""


def draw_examples(
    tree: Node,
    types: Sequence[Type],
    interpreter: Interpreter,
    rng: random.Random,
    observed: Behaviour | None = None,
) -> list[Example] | None:
    """Return ten examples of a program, the visible ones first, or None when it fails too often.

    Inputs are random ones and probes (which hold the edge cases), so chosen that all blocks that
    any of them reaches run, and that the values differ where they can, among the visible and
    among the hidden ones.

    Args:
        tree: of the program.
        types: of its parameters.
        interpreter: runs it.
        rng: the source of all choices.
        observed: what it does when it is watched, so that probes need not be run again.
    """
    probes = flat_probes(tuple(types))
    known = dict(zip(map(text_of, probes), observed.watched, strict=True)) if observed else {}
    candidates = [random_inputs(types, rng) for _ in range(_NUM_RANDOM)]
    candidates += probes
    rng.shuffle(candidates)
    runs = _runs(tree, candidates, interpreter, known)
    if len(runs) < NUM_EXAMPLES:
        return None
    visible, hidden = _dealt(_chosen(runs))
    return [Example(inputs=inputs, output=value) for inputs, value in visible + hidden]


def examples_to_text(examples: Sequence[Example]) -> str:
    """Return examples as JSON: `[[[input, ...], output], ...]`, or "" for none.

    JSON has neither sets nor keys that are numbers: they are `{"set": [...]}`, sorted, and
    `{"dict": [[key, value], ...]}`.
    """
    pairs = [[list(map(_plain, each.inputs)), _plain(each.output)] for each in examples]
    return json.dumps(pairs, separators=(",", ":"), ensure_ascii=False) if pairs else ""


def text_to_examples(text: str) -> list[Example]:
    """Return the examples that `examples_to_text` wrote."""
    pairs = json.loads(text, object_hook=_hashed) if text else []
    return [Example(inputs=tuple(inputs), output=output) for inputs, output in pairs]


def _plain(value: Value) -> object:
    if isinstance(value, set):
        return {"set": sorted(value)}  # pyright: ignore[reportArgumentType]  # all of one type
    return {"dict": list(value.items())} if isinstance(value, dict) else value


def _hashed(found: dict[str, Any]) -> object:
    ((of, items),) = found.items()
    return set(items) if of == "set" else dict(items)


def _runs(
    tree: Node,
    candidates: Sequence[Inputs],
    interpreter: Interpreter,
    known: Mapping[str, tuple[Outcome, frozenset[int]]],
) -> list[tuple[Inputs, Value, frozenset[int]]]:
    """Return distinct inputs on which the program returns, with its value and the blocks run."""
    executable = interpreter.compile_tree(tree, watch=True)
    seen: set[str] = set()
    runs = []
    for inputs in candidates:
        text = text_of(inputs)
        if text in seen:
            continue
        seen.add(text)
        outcome, visited = known.get(text) or executable.watch(inputs)
        if outcome.value is not None and _is_readable(outcome.value):
            runs.append((inputs, outcome.value, visited))
    return runs


def _is_readable(value: Value) -> bool:
    """Tell whether a value can be written as JSON: no halves of surrogate pairs, no inf, no nan."""
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, str) or not any("\ud800" <= c <= "\udfff" for c in value)


def _chosen(
    runs: Sequence[tuple[Inputs, Value, frozenset[int]]],
) -> list[tuple[Inputs, Value]]:
    """Return ten runs, first those that reach new blocks, then new values, then others.

    Of equally good ones the earliest is taken.
    """
    left = list(runs)
    blocks: set[int] = set()
    values: dict[str, int] = {}
    chosen = []
    while len(chosen) < NUM_EXAMPLES:
        best = max(left, key=lambda run: (len(run[2] - blocks), -values.get(text_of(run[1]), 0)))
        left.remove(best)
        inputs, value, reached = best
        blocks |= reached
        values[text_of(value)] = values.get(text_of(value), 0) + 1
        chosen.append((inputs, value))
    return chosen


def _dealt(
    chosen: Sequence[tuple[Inputs, Value]],
) -> tuple[list[tuple[Inputs, Value]], list[tuple[Inputs, Value]]]:
    """Return two halves: each value goes to the one that has it less often, if there is room."""
    visible: list[tuple[Inputs, Value]] = []
    hidden: list[tuple[Inputs, Value]] = []
    for run in chosen:
        counts = [sum(text_of(v) == text_of(run[1]) for _, v in part) for part in (visible, hidden)]
        prefers_hidden = (counts[1], len(hidden)) < (counts[0], len(visible))
        has_room = len(hidden) < NUM_HIDDEN if prefers_hidden else len(visible) < NUM_VISIBLE
        (hidden if prefers_hidden == has_room else visible).append(run)
    return visible, hidden
