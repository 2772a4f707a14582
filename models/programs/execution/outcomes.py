"""What comes of running a program on one input."""

from dataclasses import dataclass
from typing import Literal

Value = (
    int | bool | float | str | list[int] | list[str] | set[int] | set[str]
    | dict[int, int] | dict[str, int] | dict[str, str] | dict[int, str]
)  # fmt: skip
"""A value of a program."""

Status = Literal[
    "value", "error", "step_limit", "size_limit", "time_limit", "worker_died", "invalid"
]
"""value: it returned. error: it raised. step_limit: it took too many steps. size_limit: a number,
a text, a list or the nesting grew too large. time_limit and worker_died: the worker that ran it
had to be killed, or died. invalid: the ids are no program."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of one run.

    Args:
        status: the kind of outcome.
        value: what it returned, when it did.
        error: name of what it raised, as in Python: "IndexError", ...
    """

    status: Status
    value: Value | None = None
    error: str = ""

    def returned(self, expected: Value) -> bool:
        """Tell whether the program returned just this value."""
        return self.status == "value" and same_value(self.value, expected)


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What came of one run on an example; the value itself is not kept, it may be long.

    Args:
        status: the kind of outcome.
        passed: whether it returned just what the example says.
    """

    status: Status
    passed: bool = False

    @property
    def ran(self) -> bool:
        """Whether the run ended with a value, right or wrong."""
        return self.status == "value"


STEP_LIMIT = Outcome(status="step_limit")
SIZE_LIMIT = Outcome(status="size_limit")
TIME_LIMIT = Outcome(status="time_limit")
WORKER_DIED = Outcome(status="worker_died")
INVALID = Outcome(status="invalid")


def text_of(value: object) -> str:
    """Return a text that is the same for the same values: Python's, but sets are sorted."""
    if isinstance(value, set):
        return f"{{{', '.join(sorted(map(repr, value)))}}}" if value else "set()"
    if isinstance(value, tuple):
        return f"({', '.join(map(text_of, value))},)"
    return repr(value)


def same_value(one: object, other: object) -> bool:
    """Tell whether two values are equal and of the same types: True is not 1, nor [True] [1].

    Floats are the same where they are written the same: nan is nan, and 0.0 is not -0.0. The order
    of a set does not count, that of a dictionary does.
    """
    if type(one) is float and type(other) is float:
        return repr(one) == repr(other)
    if type(one) is not type(other) or one != other:
        return False
    if isinstance(one, list) and isinstance(other, list):
        return all(type(a) is type(b) for a, b in zip(one, other, strict=True))
    if isinstance(one, set) and isinstance(other, set):
        return {(type(item), item) for item in one} == {(type(item), item) for item in other}
    if isinstance(one, dict) and isinstance(other, dict):
        return all(
            same_value(list(a), list(b)) for a, b in ((one, other), (one.values(), other.values()))
        )
    return True
