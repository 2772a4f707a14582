"""Errors a user can cause: the commands print them without a traceback and exit with code 2."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

_ALIKE = 0.78
"""Share of letters in common from which two names read much alike; `print` and `int` have 0.75."""
_LONG_ENOUGH = 4
"""Letters of a name in which one may be changed."""
_MOST_UNKNOWN = 20
_MOST_SHOWN = 100
"""So many mistakes of one kind, and of all, are told one by one; of the rest the number."""
_MOST_LETTERS = 300
"""Of a value and of a rule; what is longer is told by its begin and its end."""


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One thing to mend: `place: key is value: rule: remedy`, less what is not given.

    Attributes:
        rule: what must hold; it names the key itself where no value is given.
        key: the setting, with dots for what lies inside it; empty for a rule between several.
        value: what the key has; `...` stands for none, as None is a value too.
        remedy: what to do.
        place: the file or the block in it.
        wrong_type: whether the key takes no values of this type at all.
        where: the line of the file, or what else the user wrote it in.
    """

    rule: str
    key: str = ""
    value: object = ...
    remedy: str = ""
    place: str = ""
    wrong_type: bool = False
    where: str = ""

    def __str__(self) -> str:
        what = "" if self.value is ... else f"{self.key} is {shortened(repr(self.value))}"
        rule = shortened(self.rule, 4 * _MOST_LETTERS)
        text = ": ".join(filter(None, (self.where, self.place, what, rule)))
        between = " " if text.endswith(".") else ": "
        return f"{text}{between}{self.remedy}" if self.remedy else text


class UserError(ValueError):
    """Something the user can mend: a line for each mistake, with value, rule and remedy.

    Args:
        mistakes: a text is a mistake of which only the rule is known.
    """

    def __init__(self, *mistakes: str | Mistake) -> None:
        self.mistakes = tuple(
            Mistake(rule=each) if isinstance(each, str) else each for each in mistakes
        )
        super().__init__("\n".join(shown(self.mistakes)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by attributes, as subclasses are built from other arguments than the text."""
        return _without_init, (type(self), self.args), vars(self)

    def within(self, place: str) -> "UserError":
        """Return the error with `place` before that of each of its mistakes."""
        return UserError(
            *(
                replace(each, place=": ".join(filter(None, (place, each.place))))
                for each in self.mistakes
            )
        )


def with_key(mistakes: Iterable[Mistake], key: str) -> list[Mistake]:
    """Return the mistakes, those that name neither key nor place as of this key."""
    return [each if each.key or each.place else replace(each, key=key) for each in mistakes]


def shortened(text: str, most: int = _MOST_LETTERS) -> str:
    """Return a text that is too long to be read as its begin, its end and its length."""
    if len(text) <= most:
        return text
    part = most // 3
    return f"{text[:part]} ... {text[-part:]} ({len(text):,} letters)"


def shown(mistakes: Sequence[Mistake]) -> list[str]:
    """Return a line for each of the first mistakes, and one with the number of the rest."""
    lines = [str(each) for each in mistakes[:_MOST_SHOWN]]
    rest = len(mistakes) - len(lines)
    return [*lines, f"... and {rest:,} more"] if rest else lines


def unknown_keys(
    unknown: Sequence[str], known: Collection[str], *, place: str = "", rule: str = ""
) -> list[Mistake]:
    """Return the mistakes of keys that nobody knows: the first few one by one, then the number.

    Args:
        unknown: the keys.
        known: the legal ones, which the last mistake lists, once for all.
        place: of the block.
        rule: what is said of each behind its own name; else `unknown key` and the name.
    """
    told = unknown[:_MOST_UNKNOWN]
    mistakes = []
    for number, key in enumerate(told, 1):
        hint = (did_you_mean_of if number == len(told) else did_you_mean)(key, known).strip()
        at = ".".join(filter(None, (place, key))) if rule else place
        said = rule or f"unknown key '{key}'."
        mistakes.append(Mistake(place=at, key="" if rule else key, rule=said, remedy=hint))
    rest = len(unknown) - len(told)
    more = Mistake(place=place, rule=f"{rest:,} more unknown keys")
    return [*mistakes, more] if rest else mistakes


def _without_init(kind: type[UserError], args: tuple[Any, ...]) -> UserError:
    return kind.__new__(kind, *args)


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
    hint = did_you_mean_of(name, sorted(choices)).strip()
    return UserError(Mistake(rule=f"unknown {kind} '{name}'.", remedy=hint))


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
