"""What PyYAML refuses, told by its place, the line and what to write.

PyYAML speaks of scanners, tokens and nodes; `config_file.py` hands over the facts.
"""

import re
from dataclasses import dataclass

from models.errors import Mistake

Place = tuple[int, int]
"""Line and column, from 1."""
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # what YAML ends a line with
_IN_QUOTES = "put text in quotes"
_CLOSED_BY = {"[": "]", "{": "}"}


@dataclass(frozen=True, kw_only=True)
class Refused:
    """What PyYAML says.

    Attributes:
        problem: what is wrong, in its words.
        at: where it was noticed.
        begun: where what holds it begins, if PyYAML says so.
        opened: the last bracket that is open when the text ends.
    """

    problem: str
    at: Place
    begun: Place | None = None
    opened: tuple[str, Place] | None = None


def yaml_mistake(refused: Refused, text: str, source: str) -> Mistake:
    """Return the mistake in a YAML text: place, rule, line and remedy."""
    lines = _BREAK.split(text)
    if refused.opened is not None:
        bracket, at = refused.opened
        rule, remedy = f"'{bracket}' is not closed", f"write '{_CLOSED_BY[bracket]}' where it ends"
    else:
        rule, remedy, at = _explained(refused, lines)
    line = _line(lines, at)
    rule += f", in {line!r}" if line.strip() else ""
    return Mistake(place=f"{source}, line {at[0]}, column {at[1]}", rule=rule, remedy=remedy)


_RULES: tuple[tuple[str, str, str], ...] = (
    (r"found character '\\t' that cannot", "a tab cannot stand here", "write spaces for it"),
    (r"found character (.+) that cannot", r"a value cannot begin with \1", _IN_QUOTES),
    (
        "mapping values are not allowed",
        "':' stands where no key can",
        "begin a key in the column of those beside it, write KEY: VALUE in each line, and put text "
        "that holds ': ' in quotes",
    ),
    (
        "sequence entries are not allowed",
        "'-' stands where no item of a list can",
        "give each item a line of its own, or write [1, 2]",
    ),
    (
        "expected the node content, but found '(,)'",
        "a value is missing before ','",
        "write it, or remove the ','",
    ),
    (
        "expected the node content, but found '(.)'",
        r"'\1' stands where a value has to",
        _IN_QUOTES,
    ),
    (
        "expected ',' or '(.)', but got '(.)'",
        r"'\2' stands where ',' or '\1' has to",
        r"write ',' between values and '\1' behind the last",
    ),
    (
        "expected ',' or '(.)'",
        r"',' or '\1' has to stand here",
        r"write ',' between values and '\1' behind the last",
    ),
    (
        "found undefined alias '?(.+?)'?$",
        r"*\1 stands for a value marked &\1, and none above is",
        "mark one, or put text that begins with * in quotes",
    ),
    (
        "unconstructable recursive",
        "a value cannot stand within itself",
        "write it out in place of the alias",
    ),
    (
        "constructor for the tag '(tag:yaml.org,2002:|!)?(.+)'",
        r"the tag '\2' is not read",
        "remove it, or put text that begins with ! in quotes",
    ),
    ("another document", "another document begins here", "keep one, without a line of '---'"),
    (
        "unknown escape character '(.+)'",
        r"'\\\1' means nothing within double quotes",
        "take single ones, or write two backslashes",
    ),
    (
        "expected a comment or a line break|expected chomping or indentation",
        "text behind | or > begins on the line below",
        "put it there, or in quotes",
    ),
    (
        "expected alphabetic or numeric character",
        "& and * mark values",
        "put text that begins so in quotes",
    ),
)
"""Patterns of what PyYAML says, what is wrong, and what to do."""


def _explained(refused: Refused, lines: list[str]) -> tuple[str, str, Place]:
    problem, begun = refused.problem, refused.begun or refused.at
    if problem.startswith("could not find expected ':'"):
        return "a key has no ': ' behind it", "write KEY: VALUE, with the space", begun
    if problem.startswith("found unexpected") and ("end of stream" in problem or "sep" in problem):
        return "a quote is not closed", "end the text with the same quote", begun
    if problem.startswith("expected <block end>"):
        return *_out_of_line(refused, lines), refused.at
    for pattern, rule, remedy in _RULES:
        if found := re.search(pattern, problem):
            return found.expand(rule), found.expand(remedy), refused.at
    return f"not readable as YAML ({problem})", _IN_QUOTES, refused.at


def _out_of_line(refused: Refused, lines: list[str]) -> tuple[str, str]:
    """Return what is wrong with what neither belongs to the block around it nor ends it."""
    column = refused.at[1]
    before = _line(lines, refused.at)[: column - 1]
    if before.strip():
        bracket = re.search(r"found '([]}])'", refused.problem)
        rule = f"'{bracket[1]}' closes nothing" if bracket else "a value has ended before this"
        return rule, f"{_IN_QUOTES} as a whole"
    begun = refused.begun or refused.at
    return (
        f"this begins in column {column}, and what is above it, from line {begun[0]} on, in "
        f"column {begun[1]}",
        "begin what belongs together in one column",
    )


def _line(lines: list[str], at: Place) -> str:
    return lines[at[0] - 1] if at[0] <= len(lines) else ""
