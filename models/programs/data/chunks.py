"""One chunk of random programs: generated, filtered and shortened, with examples.

A chunk is a function of the seed and its number, whichever process makes it.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.programs.data.behaviour import (
    CONSTANT,
    FAILS,
    PROGRAM_LIMITS,
    Behaviour,
    observe,
)
from models.programs.data.derive import count_nodes, tree_to_ids
from models.programs.data.drafts import size_of
from models.programs.data.examples import (
    draw_examples,
    examples_to_text,
    text_to_examples,
)
from models.programs.data.generator import random_program
from models.programs.data.human_weights import Style
from models.programs.data.program_digest import program_digest
from models.programs.data.shrinking import shrink
from models.programs.execution.example_text import Example
from models.programs.execution.interpreter import Interpreter
from models.programs.execution.outcomes import same_value
from models.programs.language.kinds import Type
from models.programs.language.tree import Node, to_tree

CHUNK_PROGRAMS = 100
"""Programs drawn for a chunk."""

EQUAL = "does the same as a kept program that is not longer"
TOO_LONG = "too long"
FAILS_ALWAYS = "returns on too few inputs for ten examples"


@dataclass(frozen=True, kw_only=True)
class MadeProgram:
    """A program that is worth keeping.

    Args:
        ids: its derivation.
        num_nodes: of its graph.
        behaviour: digest of what it does on the probes of its signature.
        examples_text: visible examples, then hidden ones, as JSON.
    """

    ids: tuple[int, ...]
    num_nodes: int
    behaviour: int
    examples_text: str

    @property
    def examples(self) -> list[Example]:
        """The examples, visible ones first."""
        return text_to_examples(self.examples_text)

    def to_plain(self) -> tuple[Any, ...]:
        """Return plain values, to pass between processes."""
        return self.ids, self.num_nodes, self.behaviour, self.examples_text

    @staticmethod
    def from_plain(content: tuple[Any, ...]) -> "MadeProgram":
        """Return what `to_plain` gave."""
        ids, num_nodes, behaviour, examples_text = content
        return MadeProgram(
            ids=ids, num_nodes=num_nodes, behaviour=behaviour, examples_text=examples_text
        )


def make_chunk(
    seed: int, number: int, max_steps: int, style: Style = "plain"
) -> tuple[list[MadeProgram], Counter[str]]:
    """Return the programs of a chunk that are worth keeping, and why the others are not.

    Args:
        seed: of the data set.
        number: of the chunk.
        max_steps: of a program's derivation.
        style: what the programs are to be like.
    """
    # Texts as seeds are hashed, so that neighbours have nothing in common.
    rng = random.Random(f"programs {seed} {number}")
    maker = _Maker(rng, max_steps, style)
    for _ in range(CHUNK_PROGRAMS):
        flaw = maker.make()
        if flaw is not None:
            maker.rejected[flaw] += 1
    return list(maker.kept.values()), maker.rejected


def study(ids: Sequence[int], seed: int) -> MadeProgram | str:
    """Return somebody's own program with examples, or why it is of no use.

    It may fail on many probes, as long as there are enough inputs on which it returns.

    Args:
        ids: its derivation.
        seed: of the choice of inputs.
    """
    tree = to_tree(ids)
    interpreter = Interpreter(PROGRAM_LIMITS)
    types, returns = parameter_types_of(tree), tree.type
    executable = interpreter.compile_tree(tree)
    behaviour = observe(executable, types, returns, min_running=0.0)
    assert behaviour is not None  # nothing is too little
    rng = random.Random(f"examples {seed} {program_digest(ids)}")
    examples = draw_examples(tree, types, interpreter, rng)
    if examples is None:
        return FAILS_ALWAYS
    if all(same_value(each.output, examples[0].output) for each in examples):
        return CONSTANT
    return MadeProgram(
        ids=tuple(ids),
        num_nodes=count_nodes(ids),
        behaviour=behaviour.digest,
        examples_text=examples_to_text(examples),
    )


class _Maker:
    """Makes programs one by one and knows those made before."""

    def __init__(self, rng: random.Random, max_steps: int, style: Style) -> None:
        self.kept: dict[int, MadeProgram] = {}
        self.rejected: Counter[str] = Counter()
        self._rng = rng
        self._max_steps = max_steps
        self._style: Style = style
        self._interpreter = Interpreter(PROGRAM_LIMITS)

    def make(self) -> str | None:
        """Draw a program and keep it; return why not when not."""
        draft = random_program(self._rng, self._max_steps, self._style)
        behaviour = self._observed(draft)
        flaw = FAILS if behaviour is None else behaviour.flaw()
        if behaviour is None or flaw is not None:
            return flaw
        if self._is_known(behaviour.digest, size_of(draft)):
            return EQUAL
        tree = shrink(draft, behaviour, self._interpreter)
        ids = tree_to_ids(tree)
        if len(ids) > self._max_steps:
            return TOO_LONG
        return self._keep(tree, ids)

    def _keep(self, tree: Node, ids: tuple[int, ...]) -> str | None:
        # Where the draft failed, the short program may do something else.
        behaviour = self._observed(tree, watch=True)
        flaw = FAILS if behaviour is None else behaviour.flaw()
        if behaviour is None or flaw is not None:
            return flaw
        digest, num_nodes = behaviour.digest, count_nodes(ids)
        if self._is_known(digest, num_nodes):
            return EQUAL
        types = behaviour.types
        examples = draw_examples(tree, types, self._interpreter, self._rng, behaviour)
        if examples is None:
            return FAILS
        replaces = digest in self.kept
        self.kept[digest] = MadeProgram(
            ids=ids,
            num_nodes=num_nodes,
            behaviour=digest,
            examples_text=examples_to_text(examples),
        )
        if replaces:
            self.rejected[EQUAL] += 1
        return None

    def _observed(self, tree: Node, *, watch: bool = False) -> Behaviour | None:
        executable = self._interpreter.compile_tree(tree, watch=watch)
        return observe(executable, parameter_types_of(tree), tree.type)

    def _is_known(self, digest: int, num_nodes: int) -> bool:
        known = self.kept.get(digest)
        return known is not None and known.num_nodes <= num_nodes


def parameter_types_of(tree: Node) -> tuple[Type, ...]:
    """Return the types of a program's parameters."""
    return tuple(parameter.type for parameter in tree.args)
