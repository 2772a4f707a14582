"""Whether Python takes a decoded program, and whether it reads names that may have no value.

Programs are compiled, never run: see `execution/` for that.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from models.programs.language.definite_assignment import unassigned_reads
from models.programs.language.to_source import ids_to_source


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """What Python says to a program.

    Attributes:
        source: its text.
        compiles: whether Python compiles it.
        undefined: names that some path through it reads before it gives them a value, and that
            Python does not define either.
    """

    source: str
    compiles: bool
    undefined: tuple[str, ...] = ()


def compile_program(ids: Sequence[int]) -> Compiled:
    """Print a derivation as Python and compile it."""
    source = ids_to_source(ids)
    try:
        module = ast.parse(source)
        compile(module, "<decoded>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Compiled(source=source, compiles=False)
    undefined = unassigned_reads(module)
    return Compiled(source=source, compiles=True, undefined=tuple(sorted(undefined)))
