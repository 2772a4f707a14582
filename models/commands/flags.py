"""The flags on a command line, checked before tyro builds settings of them.

    given = read_flags(TrainFlags, arguments, "python -m models.grammar_vae.train")
    flags = build_flags(TrainFlags, given.arguments, ...)

Mistakes are told all at once and in our words, and some spellings are taken that tyro does not
know: `--encoder_kernel [3,5]` for `--encoder_kernel 3 5`, `--decoder_position true` for
`--decoder_position`. A flag that takes texts or files may be repeated and takes them all; of any
other the last value holds, as scripts put a user's flags behind their own, and a note says so.
"""

import dataclasses
import re
import sys
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Annotated, Any

import tyro

from models.commands.actions import flag_in_front
from models.commands.flag_values import Flag, flag_of
from models.config_file import to_config, to_mapping
from models.errors import Mistake, UserError, nearest_name, unknown_name

_FLAG = re.compile(r"--[A-Za-z][\w-]*(=.*)?$", re.DOTALL)
_HELP = ("-h", "--help")


@dataclass(frozen=True, kw_only=True)
class GivenFlags:
    """What stands on a command line.

    Attributes:
        words: the same in tyro's spelling, but for `switches`.
        values: plain values of the flags that are given, by name.
        switches: those without a `--no_NAME`, by name, on or off.
    """

    words: tuple[str, ...]
    values: Mapping[str, Any]
    switches: Mapping[str, bool] = field(default_factory=dict)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The same in tyro's spelling, where all switches are off by default."""
        return self.words + tuple(f"--{name}" for name, on in self.switches.items() if on)

    def arguments_beside(self, default: Any) -> tuple[str, ...]:
        """Return the same in tyro's spelling, which takes of a switch only what changes it."""
        before = {name: bool(value) for name, value in _leaves(default)}
        changed = {name: on for name, on in self.switches.items() if on != before[name]}
        return self.words + tuple(f"--{'' if on else 'no_'}{name}" for name, on in changed.items())

    @property
    def without_help(self) -> tuple[str, ...]:
        """The arguments but for the wish for help."""
        return tuple(argument for argument in self.arguments if argument not in _HELP)

    def check_block(self, default: Any) -> None:
        """Check a block of settings whose keys are flags, as it will be with those given.

        Raises:
            UserError: with every mistake of theirs, also between keys.
        """
        names = {each.name for each in dataclasses.fields(default)}
        given = {name: value for name, value in self.values.items() if name in names}
        if given:
            to_config(type(default), {**to_mapping(default), **given}, "flags")


def read_flags(
    flag_type: type, arguments: Sequence[str], command: str, *, pairs: bool = True
) -> GivenFlags:
    """Read the flags of a command.

    Args:
        flag_type: dataclass of all flags; those of the dataclasses in it have no prefix.
        arguments: of the command line.
        command: what to type for the command, for messages.
        pairs: whether switches have a `--no_NAME`.

    Raises:
        UserError: with every unknown flag, value that cannot be read and flag that is missing.
    """
    if any(argument in _HELP for argument in arguments):
        return GivenFlags(words=tuple(arguments), values={})
    known = {flag.name: flag for flag in _flags(flag_type, pairs)}
    spelled: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    written: dict[str, str] = {}
    mistakes: list[str | Mistake] = []
    for name, words in _groups(arguments, command, mistakes):
        flag, negated = _find(name, known)
        if flag is None:
            meant = nearest_name(name, known) or nearest_name(name.removeprefix("no_"), known)
            hint = f" Did you mean '--{meant}'?" if meant else ""
            mistakes.append(f"unknown flag --{name}.{hint} `{command} --help` lists all")
            continue
        try:
            value = flag.switched(negated, words) if flag.is_switch else flag.read(words)
        except UserError as error:
            mistakes += error.mistakes
            continue
        said = " ".join([f"--{name}", *words])
        if flag.collects and flag.name in values:
            values[flag.name] += value
            spelled[flag.name] += words
        else:
            if flag.name in values and value != values[flag.name]:
                sys.stderr.write(f"note: {written[flag.name]} {said}: {flag.last_holds}\n")
            values[flag.name] = value
            written[flag.name] = said
            spelled[flag.name] = [] if flag.is_switch else _spell(flag, value, words)
            if flag.is_switch and flag.pairs:
                spelled[flag.name] = [f"--{'' if value else 'no_'}{flag.name}"]
    mistakes += [
        f"--{flag.name} is missing: `{command} --help` says what it takes"
        for flag in known.values()
        if flag.required and flag.name not in values and not mistakes
    ]
    if mistakes:
        raise UserError(*mistakes)
    switches = {
        name: on for name, on in values.items() if known[name].is_switch and not known[name].pairs
    }
    return GivenFlags(words=tuple(chain(*spelled.values())), values=values, switches=switches)


def read_command(commands: Any, arguments: Sequence[str], command: str) -> tuple[str, ...]:
    """Return the arguments of a command with actions, in tyro's spelling.

    Args:
        commands: union of the actions' dataclasses, each annotated with its name.
        arguments: the action and its flags.
        command: what to type for the command, for messages.

    Raises:
        UserError: no action or an unknown one, or what `read_flags` refuses.
    """
    actions = {
        typing.get_args(each)[1].name: typing.get_args(each)[0]
        for each in typing.get_args(commands)
    }
    first = arguments[0] if arguments else ""
    if first in _HELP:
        return tuple(arguments)
    if first.startswith("-"):
        raise UserError(flag_in_front(arguments, actions, command))
    if first not in actions:
        what = unknown_name("action", first, actions) if first else _listed(actions)
        raise UserError(f"{what}. `{command} --help` says what each does")
    given = read_flags(actions[first], arguments[1:], f"{command} {first}")
    return (first, *given.arguments)


def build_flags(
    kind: Any, words: Sequence[str], command: str, about: str | None, **how: Any
) -> Any:
    """Build the flags of a command, or print its help and exit.

    Args:
        kind: dataclass of them, or the union of those of its actions.
        words: as `read_flags` or `read_command` return them.
        command: what to type for the command.
        about: what `--help` says first.
        how: what else tyro is told.
    """
    return tyro.cli(kind, args=words, prog=command, description=about, use_underscores=True, **how)


def _listed(actions: Mapping[str, type]) -> str:
    return f"no action: give one of {', '.join(sorted(actions))}"


def _flags(flag_type: type, pairs: bool) -> Iterator[Flag]:
    """Return the flags of a dataclass and of those in it."""
    hints = typing.get_type_hints(flag_type, include_extras=True)
    for each in dataclasses.fields(flag_type):
        hint = hints[each.name]
        marks = hint.__metadata__ if typing.get_origin(hint) is Annotated else ()
        inner = typing.get_args(hint)[0] if marks else hint
        with_pairs = pairs and tyro.conf.FlagCreatePairsOff not in marks
        if dataclasses.is_dataclass(inner):
            yield from _flags(inner, with_pairs)  # pyright: ignore[reportArgumentType]
            continue
        missing = dataclasses.MISSING
        required = each.default is missing and each.default_factory is missing
        yield flag_of(each.name, hint, required=required, pairs=with_pairs)


def _groups(
    arguments: Sequence[str], command: str, mistakes: list[str | Mistake]
) -> Iterator[tuple[str, list[str]]]:
    """Return each flag with the words behind it; words before the first flag are a mistake."""
    groups: list[tuple[str, list[str]]] = []
    for argument in arguments:
        if _FLAG.match(argument):
            name, equals, value = argument.lstrip("-").partition("=")
            groups.append((name.replace("-", "_"), [value] if equals else []))
        elif groups:
            groups[-1][1].append(argument)
        else:
            mistakes.append(
                f"'{argument}' belongs to no flag: write --NAME VALUE; `{command} --help` lists "
                "the flags"
            )
    yield from groups


def _find(name: str, known: Mapping[str, Flag]) -> tuple[Flag | None, bool]:
    """Return the flag of this name and whether it is negated by `no_`."""
    if name in known:
        return known[name], False
    flag = known.get(name.removeprefix("no_"))
    return (flag, True) if flag and flag.is_switch else (None, False)


def _leaves(settings: Any) -> Iterator[tuple[str, Any]]:
    """Return the names and values of a dataclass and of those in it."""
    for each in dataclasses.fields(settings):
        value = getattr(settings, each.name)
        if dataclasses.is_dataclass(value):
            yield from _leaves(value)
        else:
            yield each.name, value


def _spell(flag: Flag, value: Any, words: Sequence[str]) -> list[str]:
    if flag.item != "int":
        return [f"--{flag.name}", *words]
    return [f"--{flag.name}", *map(str, value if isinstance(value, list) else [value])]
