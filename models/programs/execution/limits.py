"""How far a program may go, and the meter that stops it."""

from dataclasses import astuple, dataclass, fields

FREE_LENGTH = 32
"""Items that an operation goes over for nothing; each so many more cost a step."""


class StepLimitReached(Exception):
    """The program took all its steps."""


class SizeLimitReached(Exception):
    """A value would become too large."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a program may use on one input.

    Args:
        max_steps: nodes run, counted once for each run of the block that they stand in, and the
            items that operations on lists and texts go over, by FREE_LENGTH.
        max_int_bits: of a number.
        max_length: items of a list, characters of a text.
        max_nesting: of expressions and blocks in each other.
    """

    max_steps: int = 20_000
    max_int_bits: int = 1_024
    max_length: int = 10_000
    max_nesting: int = 200

    def as_tuple(self) -> tuple[int, ...]:
        """Return plain values, for a worker."""
        return astuple(self)

    @staticmethod
    def from_tuple(values: tuple[int, ...]) -> "Limits":
        """Return the limits that `as_tuple` gave."""
        return Limits(**dict(zip((f.name for f in fields(Limits)), values, strict=True)))


class Meter:
    """Counts the steps of one run and checks sizes.

    Args:
        limits: of each run.
    """

    __slots__ = ("_max_steps", "greatest", "least", "max_int_bits", "max_length", "steps_left")

    def __init__(self, limits: Limits) -> None:
        self._max_steps = limits.max_steps
        self.max_length = limits.max_length
        self.max_int_bits = limits.max_int_bits
        self.greatest = (1 << limits.max_int_bits) - 1
        self.least = -self.greatest
        self.steps_left = limits.max_steps

    def restart(self) -> None:
        """Begin a run."""
        self.steps_left = self._max_steps

    @property
    def steps(self) -> int:
        """How many steps the run has taken."""
        return self._max_steps - self.steps_left

    def charge(self, steps: int) -> None:
        """Take steps."""
        self.steps_left -= steps
        if self.steps_left < 0:
            raise StepLimitReached

    def went_over(self, length: int) -> None:
        """Take the steps for going over so many items."""
        if length > FREE_LENGTH:
            self.charge(length // FREE_LENGTH)

    def number(self, value: int) -> int:
        """Return a number that is not too large."""
        if self.least <= value <= self.greatest:
            return value
        raise SizeLimitReached

    def length(self, length: int) -> None:
        """Check a length that is about to be made, and take the steps for making it."""
        if length > FREE_LENGTH:
            if length > self.max_length:
                raise SizeLimitReached
            self.charge(length // FREE_LENGTH)
