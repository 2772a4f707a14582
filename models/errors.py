"""Errors a user can cause: the commands print them without a traceback and exit with code 2."""

from collections.abc import Iterable
from difflib import get_close_matches

_ALIKE = 0.78
"""Share of letters in common from which two names read much alike; `print` and `int` have 0.75."""
_LONG_ENOUGH = 4
"""Letters of a name in which one may be changed."""


class UserError(ValueError):
    """Something the user can mend: the message holds the value, the rule and the remedy."""


def nearest_name(name: str, choices: Iterable[str]) -> str | None:
    """Return the choice that `name` was probably meant to be, or None when none is that close.

    A hint that is no more than the least unlike of all misleads, so only those count that differ
    in one slip of the finger, read much alike, or have every word of `name` (`dropout` for
    `decoder_dropout`).
    """
    known = list(choices)
    slips = [choice for choice in known if _is_one_slip(name, choice)]
    matches = get_close_matches(name, slips or known, n=1, cutoff=0.0 if slips else _ALIKE)
    words = set(name.split("_"))
    longer = [choice for choice in known if words <= set(choice.split("_"))]
    return (matches or longer or [None])[0]


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the nearest choice, or the empty string."""
    match = nearest_name(name, choices)
    return f" Did you mean '{match}'?" if match else ""


def did_you_mean_of(name: str, choices: Iterable[str]) -> str:
    """Return the hint of `did_you_mean` followed by all choices, which keep their order."""
    known = list(choices)
    return f"{did_you_mean(name, known)} Known: {', '.join(known) if known else 'none yet'}"


def unknown_name(kind: str, name: str, choices: Iterable[str]) -> UserError:
    """Build the error for a name that is not among `choices`, which it lists."""
    return UserError(f"unknown {kind} '{name}'.{did_you_mean_of(name, sorted(choices))}")


def _is_one_slip(name: str, other: str) -> bool:
    """Return whether one letter is added, left out or changed, or two are swapped; case is free.

    A changed letter makes another word of a short one: `gpu` is no slip for `cpu`.
    """
    name, other = name.lower(), other.lower()
    if min(len(name), len(other)) == 0 or max(len(name), len(other)) < 2:
        return name == other
    start = _num_alike(name, other)
    end = _num_alike(name[start:][::-1], other[start:][::-1])
    left, right = name[start : len(name) - end], other[start : len(other) - end]
    if len(left) == len(right) == 1:
        return len(name) >= _LONG_ENOUGH
    return len(left) + len(right) <= 1 or (len(left) == 2 and left == right[::-1])


def _num_alike(name: str, other: str) -> int:
    """Return how many letters two names begin with alike."""
    return next(
        (place for place, pair in enumerate(zip(name, other, strict=False)) if len({*pair}) > 1),
        min(len(name), len(other)),
    )
