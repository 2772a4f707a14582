"""Symbols, productions and the one-line notation `SUM_T -> '+' PROD SUM_T` for them."""

import re
from dataclasses import dataclass
from functools import cached_property

from models.errors import UserError

_ARROW = "->"
_WORD = re.compile(r"""\s*('[^']*'|"[^"]*"|[^\s'"]+)""")


@dataclass(frozen=True, kw_only=True)
class Symbol:
    """A terminal, written as its text stands, or the name of a nonterminal."""

    text: str
    is_terminal: bool

    def __str__(self) -> str:
        if not self.is_terminal:
            return self.text
        quote = '"' if "'" in self.text else "'"
        return f"{quote}{self.text}{quote}"


@dataclass(frozen=True, kw_only=True)
class Production:
    """One rule of a context-free grammar: `lhs` may be replaced by the symbols of `rhs`."""

    lhs: str
    rhs: tuple[Symbol, ...]

    def __str__(self) -> str:
        return " ".join([self.lhs, _ARROW, *map(str, self.rhs)])

    @cached_property
    def nonterminals(self) -> tuple[str, ...]:
        """Names of the nonterminals of the right-hand side, left to right."""
        return tuple(symbol.text for symbol in self.rhs if not symbol.is_terminal)


def parse_production(line: str) -> Production:
    """Read a production from its notation.

    Raises:
        UserError: when `line` is not `NAME -> symbols` with terminals in closed quotes.
    """
    words = _words(line)
    if len(words) < 2 or words[1] != _ARROW or words[0][0] in "'\"":
        raise UserError(f"{line!r} is not a production: write NAME -> 'terminal' OTHER_NAME")
    if "|" in words or _ARROW in words[2:]:
        raise UserError(
            f"{line!r} holds more than one production: write one production a line, "
            "and put | or -> in quotes where it is text"
        )
    return Production(lhs=words[0], rhs=tuple(_symbol(word, line) for word in words[2:]))


def _words(line: str) -> list[str]:
    words: list[str] = []
    end = 0
    while match := _WORD.match(line, end):
        words.append(match[1])
        end = match.end()
    if line[end:].strip():
        raise UserError(f"{line!r} has an open quote at column {end + 1}: close it")
    return words


def _symbol(word: str, line: str) -> Symbol:
    if word[0] not in "'\"":
        return Symbol(text=word, is_terminal=False)
    if len(word) == 2:
        raise UserError(f"{line!r} has an empty terminal: leave it out")
    return Symbol(text=word[1:-1], is_terminal=True)
