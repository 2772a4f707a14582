"""Runs programs of the language without Python's own evaluator, within limits.

A program is compiled once to functions and then run on as many inputs as wanted. Nothing but the
operations of the language can happen, whatever the program.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from models.errors import UserError
from models.programs.execution.functions import Function
from models.programs.execution.limits import (
    Limits,
    Meter,
    SizeLimitReached,
    StepLimitReached,
)
from models.programs.execution.operations import operations
from models.programs.execution.outcomes import (
    INVALID,
    SIZE_LIMIT,
    STEP_LIMIT,
    Outcome,
    Value,
)
from models.programs.execution.statements import Made, StatementCompiler
from models.programs.language.kinds import NUM_SLOTS, language
from models.programs.language.tree import ITEMS, Node, to_tree

_RAISED = (ArithmeticError, LookupError, ValueError, TypeError, AttributeError)
"""What Python's own operations raise on values."""

_WRONG_NUMBER = Outcome(status="error", error="TypeError")


class Interpreter:
    """Compiles programs and runs them; for one thread at a time.

    Args:
        limits: of each run.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._meter = Meter(self.limits)
        self._operations = operations(self._meter)

    def compile(self, program: Sequence[int] | Node) -> "Executable":
        """Return a program that can be run.

        Args:
            program: production ids, pad ids at their end are allowed, or the tree. What breaks
                the rules of scope or type fails, or is invalid, when it runs.

        Raises:
            UserError: the ids are no complete derivation.
        """
        if isinstance(program, Node):
            return self.compile_tree(program)
        # Nothing is nested more deeply than it is long.
        if len(program) > self.limits.max_nesting and nesting(program) > self.limits.max_nesting:
            return Executable(meter=self._meter, body=_too_large)
        return self.compile_tree(to_tree(program))

    def compile_tree(
        self, tree: Node, *, watch: bool = False, made: Made | None = None
    ) -> "Executable":
        """Return a program that can be run.

        Args:
            tree: of the program.
            watch: note which of its blocks run, in `visited`.
            made: statements of it that need not be compiled anew; gets those that are.
        """
        visited: set[int] | None = set() if watch else None
        compiler = StatementCompiler(self._operations, self._meter, visited, made)
        body = compiler.block(tree.blocks[0])
        return Executable(
            meter=self._meter,
            body=body,
            num_parameters=len(tree.args),
            visited=visited,
            num_blocks=compiler.num_blocks,
        )

    def run(
        self, program: Sequence[int] | Node, inputs: Sequence[Sequence[Value]]
    ) -> list[Outcome]:
        """Run a program on each of the inputs, one value a parameter; never raises."""
        try:
            executable = self.compile(program)
        except UserError:
            return [INVALID] * len(inputs)
        except RecursionError:  # the caller stands deep in the stack already
            return [SIZE_LIMIT] * len(inputs)
        return [executable.run(values) for values in inputs]


class Executable:
    """A compiled program.

    Args:
        meter: of its interpreter.
        body: its function.
        num_parameters: of the program; other numbers of inputs are a TypeError. None: any number.
        visited: gets the numbers of the blocks that run, when the program is watched.
        num_blocks: of the program.
    """

    __slots__ = ("_body", "_meter", "_num_parameters", "is_watched", "num_blocks", "visited")

    def __init__(
        self,
        *,
        meter: Meter,
        body: Function,
        num_parameters: int | None = None,
        visited: set[int] | None = None,
        num_blocks: int = 0,
    ) -> None:
        self._meter = meter
        self._body = body
        self._num_parameters = num_parameters
        self.is_watched = visited is not None
        self.visited = set() if visited is None else visited
        self.num_blocks = num_blocks

    @property
    def steps(self) -> int:
        """How many steps the last run took."""
        return self._meter.steps

    def run(self, inputs: Sequence[Value]) -> Outcome:
        """Run the program on one value for each of its parameters; the values stay as they are."""
        if self._num_parameters not in (None, len(inputs)):
            return _WRONG_NUMBER
        slots: list[Any] = [v.copy() if isinstance(v, list | set | dict) else v for v in inputs]
        slots += [None] * (NUM_SLOTS - len(slots))
        self._meter.restart()
        try:
            value = self._body(slots)
        except StepLimitReached:
            return STEP_LIMIT
        except (SizeLimitReached, RecursionError, MemoryError):
            return SIZE_LIMIT
        except _RAISED as error:
            return Outcome(status="error", error=type(error).__name__)
        return INVALID if value is None else Outcome(status="value", value=value)

    def watch(self, inputs: Sequence[Value]) -> tuple[Outcome, frozenset[int]]:
        """Run a watched program; return what comes of it, and the blocks that ran."""
        self.visited.clear()
        return self.run(inputs), frozenset(self.visited)


def nesting(ids: Sequence[int]) -> int:
    """Return how deeply expressions and blocks stand in each other, without recursion."""
    deeper = _deeper()
    open_depths = [0]
    deepest = 0
    for production_id in ids:
        if not open_depths or not 0 <= production_id < len(deeper):
            break
        depth = open_depths.pop()
        deepest = max(deepest, depth)
        open_depths += [depth + more for more in deeper[production_id]]
    return deepest


@lru_cache(maxsize=1)
def _deeper() -> tuple[tuple[int, ...], ...]:
    """Return by how much each child of a production lies deeper, the last child first."""
    sequences = {"BLOCK", "PARAM", *ITEMS, "NUMBER", "DIGITS", "CHARS"}
    table = []
    for kind in language().kinds:
        depths = [1] * len(kind.children)
        if depths and kind.lhs in sequences and kind.children[-1] in sequences:
            depths[-1] = 0  # what follows in a sequence stands beside it
        table.append(tuple(reversed(depths)))
    return tuple(table)


def _too_large(_: list[Any]) -> Any:
    raise SizeLimitReached
