"""The parser of the command line, whose mistakes are told as all others are."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from models.commands.actions import flag_in_front
from models.commands.process import USER_ERROR
from models.errors import did_you_mean, unknown_name

_GIVEN = "values of flags"
"""Of a namespace: what its flags were given, by destination."""


class Parser(argparse.ArgumentParser):
    """argparse's, with the nearest name for a command, flag or choice that is not known.

    Of a flag that takes one value the last holds; a note says so where another came before it.

    Attributes:
        otherwise: the action that is meant where none is named; empty: one has to be.
        known: what to type for each command and action of the tool, by its own name.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.otherwise = ""
        self.known: Mapping[str, Sequence[str]] = {}
        for name in (None, "store"):
            self.register("action", name, _LastHolds)

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Refuse what is not known where its command is, whose flags are known; not at the top."""
        words = self._with_action(sys.argv[1:] if args is None else [*args])
        found, unknown = super().parse_known_args([*map(self._spelled, words)], namespace)
        if unknown:
            self.error("; ".join(self._mistakes(unknown)))
        return found, unknown

    def know_all(self) -> None:
        """Let every command know of all others, to tell where an action belongs."""
        parsers = [*self._all()]
        known: dict[str, list[str]] = {}
        for parser in parsers[1:]:
            known.setdefault(parser.prog.rpartition(" ")[2], []).append(parser.prog)
        for parser in parsers:
            parser.known = known

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is, and end with the code of a user's mistake."""
        end = "" if message.endswith("?") else "."
        sys.stderr.write(f"error: {message}{end} `{self.prog} --help` says what can be given\n")
        raise SystemExit(USER_ERROR)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            kind = str(action.metavar or action.dest).lower()
            error = unknown_name(kind, str(value), map(str, action.choices))
            named = isinstance(action, argparse._SubParsersAction)
            elsewhere = [f"`{each}`" for each in self.known.get(value, ())] if named else []
            hint = f"; there is {' and '.join(elsewhere)}" if elsewhere else ""
            raise argparse.ArgumentError(None, f"{error}{hint}")

    def _named(self) -> tuple[str, Mapping[str, "Parser"]]:
        """Return what is to be named first, a command or an action, and all there are."""
        for each in self._actions:
            if isinstance(each, argparse._SubParsersAction):
                return str(each.metavar).lower(), each.choices
        return "", {}

    def _all(self) -> Iterator["Parser"]:
        yield self
        for parser in self._named()[1].values():
            yield from parser._all()

    def _with_action(self, words: list[str]) -> list[str]:
        """Return the words, with the action that is meant where none is named.

        argparse would take the value of a flag in front of the action for the action.
        """
        kind, parsers = self._named()
        flag = words[0].partition("=")[0] if words else "-"
        if not parsers or not flag.startswith("-") or flag in self._option_string_actions:
            return words
        takers = {
            name: each
            for name, each in parsers.items()
            if each._spelled(flag) in each._option_string_actions
        }
        if parsers.keys() & {*words}:
            takers = parsers
        elif self.otherwise and (self.otherwise in takers or not takers):
            return [self.otherwise, *words]
        if words:
            self.error(str(flag_in_front(words, takers or parsers, self.prog, kind)))
        return words

    def _spelled(self, word: str) -> str:
        """Return a word with underscores where that makes a flag of it, as models' commands do."""
        flag, equals, value = word.partition("=")
        other = f"--{flag[2:].replace('-', '_')}{equals}{value}"
        known = other.partition("=")[0] in self._option_string_actions
        return other if flag.startswith("--") and known else word

    def _mistakes(self, words: Sequence[str]) -> list[str]:
        names = [flag[2:] for flag in self._option_string_actions if flag.startswith("--")]
        flags = [word.partition("=")[0] for word in words if word.startswith("-")]
        return [f"unknown flag {flag}.{_meant(flag, names)}".rstrip(".") for flag in flags] or [
            f"'{word}' is one word too many" for word in words
        ]


class _LastHolds(argparse._StoreAction):
    """Stores a value, and says so where it takes the place of another, as argparse does not."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        given = vars(namespace).setdefault(_GIVEN, {})
        if option_string is not None:
            if self.dest in given and given[self.dest] != values:
                both = f"as {given[self.dest]} and as {values}"
                sys.stderr.write(f"note: {option_string} is given twice, {both}: the last holds\n")
            given[self.dest] = values
        super().__call__(parser, namespace, values, option_string)


def _meant(flag: str, names: Sequence[str]) -> str:
    return did_you_mean(flag.lstrip("-").replace("-", "_"), names).replace("'", "'--", 1)
