"""Whether Python takes a decoded program, and whether it reads names that nothing defines.

Programs are compiled, never run: see `execution/` for that.
"""

import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from types import CodeType

from models.programs.language.to_source import ids_to_source


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """What Python says to a program.

    Attributes:
        source: its text.
        compiles: whether Python compiles it.
        undefined: names that it reads and that neither it nor Python defines.
    """

    source: str
    compiles: bool
    undefined: tuple[str, ...] = ()


def compile_program(ids: Sequence[int]) -> Compiled:
    """Print a derivation as Python and compile it."""
    source = ids_to_source(ids)
    try:
        module = compile(source, "<decoded>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return Compiled(source=source, compiles=False)
    functions = [code for code in module.co_consts if isinstance(code, CodeType)]
    # What a function reads and never sets is global to it; attributes are methods of values.
    methods = set(dir(str)) | set(dir(list))
    names = {name for code in functions for name in code.co_names}
    undefined = names - methods - set(dir(builtins))
    return Compiled(source=source, compiles=True, undefined=tuple(sorted(undefined)))
