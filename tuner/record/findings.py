"""What a check of a run finds: a line for people, and how it is mended where it can be."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something about a run's folder that is not as it should be, or not ours.

    Attributes:
        what: what was found, with its place.
        remedy: what mending does, as `cut off`; without `mend` what people can do.
        mend: mends it; None where nothing can.
        harmless: nothing is wrong, it is only said.
    """

    what: str
    remedy: str
    mend: Callable[[], None] | None = None
    harmless: bool = False
