"""Functions over the slots of a run, made of Python text.

Text for one statement or a small expression costs no more than one call when it runs, where a
closure for each node costs one a node. Compiling text is slow, so it names no slot, no constant and
no other function: those are parameters, and programs share the few thousand shapes that are left.
All text comes from the tables of this package; nothing of a program is in it.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from models.programs.execution.limits import Meter, SizeLimitReached, StepLimitReached

Slots = list[Any]
"""Values of a run by slot."""

Function = Callable[[Slots], Any]

BREAK, CONTINUE = object(), object()
"""What a statement returns that leaves a loop, or a round of it; no program returns them."""

NAMES = tuple(f"p{number}" for number in range(512))
"""Parameters of a text, by number; no statement has as many."""

_MAX_SHAPES = 16_384


def function_of(text: str, meter: Meter, parameters: Sequence[Any]) -> Function:
    """Return a function of slots `s` whose body is `text`.

    Args:
        text: indented by two; `m` is the meter, `lo` and `hi` the limits of numbers, `grown()`
            and `spent()` raise what is raised at a limit, `p0`, `p1`, ... are the parameters.
        meter: of the run.
        parameters: at most as many as there are `NAMES`.
    """
    return _maker(text, len(parameters))(meter, meter.least, meter.greatest, *parameters)


@lru_cache(maxsize=_MAX_SHAPES)
def _maker(text: str, count: int) -> Callable[..., Function]:
    head = ", ".join(("m", "lo", "hi", *NAMES[:count]))
    found: dict[str, Any] = {}
    exec(f"def make({head}):\n def run(s):\n{text}\n return run", _KNOWN, found)
    return found["make"]


def _grown() -> None:
    raise SizeLimitReached


def _spent() -> None:
    raise StepLimitReached


_KNOWN = {"grown": _grown, "spent": _spent, "BREAK": BREAK, "CONTINUE": CONTINUE}
