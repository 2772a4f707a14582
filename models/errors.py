"""Errors a user can cause: the commands print them without a traceback and exit with code 2."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """Something the user can mend: the message holds the value, the rule and the remedy."""


def nearest_name(name: str, choices: Iterable[str]) -> str | None:
    """Return the choice that reads most like `name`, or None when nothing is close."""
    matches = get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return matches[0] if matches else None


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the nearest choice, or the empty string."""
    match = nearest_name(name, choices)
    return f" Did you mean '{match}'?" if match else ""


def unknown_name(kind: str, name: str, choices: Iterable[str]) -> UserError:
    """Build the error for a name that is not among `choices`, which it lists."""
    known = sorted(choices)
    listing = ", ".join(known) if known else "none yet"
    return UserError(f"unknown {kind} '{name}'.{did_you_mean(name, known)} Known: {listing}")
