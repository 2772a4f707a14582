"""Flags of a command line: spellings that are taken, and how mistakes are told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pytest
import tyro

from models.commands.flags import read_command, read_flags
from models.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Paint:
    """A block whose keys are flags."""

    colour: Literal["red", "blue"] = "red"
    coats: int | tuple[int, ...] = 1
    glossy: bool = False

    def __post_init__(self) -> None:
        if self.glossy and self.coats != 1:
            raise UserError(f"a glossy paint has 1 coat, not {self.coats}")


@dataclass(frozen=True, kw_only=True)
class Flags:
    """Flags of every kind."""

    out: Path
    width: float = 1.0
    count: int | None = None
    names: tuple[str, ...] = ()
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    paint: tyro.conf.OmitArgPrefixes[Paint] = field(default_factory=Paint)


def read(*arguments):
    return read_flags(Flags, ["--out", "x", *arguments], "paint")


def mistakes(*arguments):
    with pytest.raises(UserError) as caught:
        read(*arguments)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("given", "spelled", "value"),
    [
        (["--width", "-1e-3"], ["--width", "-1e-3"], {"width": -1e-3}),
        (["--count=4"], ["--count", "4"], {"count": 4}),
        (["--count", "None"], ["--count", "None"], {"count": "None"}),
        (["--coats", "[3,5]"], ["--coats", "3", "5"], {"coats": [3, 5]}),
        (["--coats", "(3, 5)"], ["--coats", "3", "5"], {"coats": [3, 5]}),
        (["--coats", "4"], ["--coats", "4"], {"coats": 4}),
        (["--names", "a, b", "c"], ["--names", "a, b", "c"], {"names": ["a, b", "c"]}),
        (["--glossy", "on"], ["--glossy"], {"glossy": True}),
        (["--glossy", "0"], ["--no_glossy"], {"glossy": False}),
        (["--no-glossy"], ["--no_glossy"], {"glossy": False}),
        (["--quiet=true"], ["--quiet"], {"quiet": True}),
        (["--quiet", "false"], [], {"quiet": False}),
        (["--no_quiet"], [], {"quiet": False}),
        (
            ["--names", "a", "--width", "1", "--names=b", "c"],
            ["--names", "a", "b", "c", "--width", "1"],
            {"names": ["a", "b", "c"], "width": 1.0},
        ),
        (["--width", "1e-3", "--width=0.001"], ["--width", "0.001"], {"width": 1e-3}),
        (["--quiet", "--quiet=on"], ["--quiet"], {"quiet": True}),
    ],
)
def test_spellings_become_those_of_tyro(given, spelled, value):
    flags = read(*given)
    assert flags.arguments == ("--out", "x", *spelled)
    assert dict(flags.values) == {"out": "x", **value}
    tyro.cli(Flags, args=flags.arguments, use_underscores=True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["--widht", "1"],
            "unknown flag --widht. Did you mean '--width'? `paint --help` l",
        ),
        (["--no_width", "1"], "unknown flag --no_width. Did you mean '--width'? `paint --help` li"),
        (["--width"], "--width: its value is missing: give a number"),
        (["--width", "wide"], "--width wide: give a number"),
        (["--width", "1", "2"], "--width 1 2: it takes one value, not 2: give a number"),
        (["--count", "1e3"], "--count 1e3: give a whole number, 1000"),
        (["--count", "1.5"], "--count 1.5: give a whole number"),
        (["--colour", "bleu"], "--colour bleu: give one of red, blue. Did you mean 'blue'?"),
        (["--coats", "[]"], "--coats []: no number is in it: give one whole number, or several"),
        (["--coats", "3.5"], "--coats 3.5: give one whole number, or several, as in --coats 3 5"),
        (["--glossy", "2"], "--glossy 2: it is a switch: write --glossy to turn it on, --no_gl"),
        (["--quiet", "2"], "--quiet 2: it is a switch: write --quiet to turn it on, --no_quiet"),
    ],
)
def test_a_mistake_has_its_value_and_what_to_give(given, message):
    (line,) = mistakes(*given)
    assert line.startswith(message)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(("given", "on"), [("--quiet", True), ("--quiet=no", False), (None, None)])
def test_a_switch_without_a_pair_holds_whatever_the_default_is(before, given, on):
    default = Flags(out=Path("y"), quiet=before)
    arguments = read(*([given] if given else [])).arguments_beside(default)
    built = tyro.cli(Flags, args=arguments, default=default, use_underscores=True)
    assert built.quiet is (before if on is None else on)


def test_all_mistakes_are_told_at_once():
    assert len(mistakes("--width", "x", "--count", "y", "--oops", "--colour", "green")) == 4


def test_words_that_belong_to_no_flag_and_missing_flags_are_told():
    with pytest.raises(UserError, match="'5' belongs to no flag: write --NAME VALUE"):
        read_flags(Flags, ["5", "--out", "x"], "paint")
    with pytest.raises(UserError, match="--out is missing: `paint --help` says what it takes"):
        read_flags(Flags, [], "paint")


def test_help_is_left_to_tyro():
    flags = read_flags(Flags, ["--oops", "--help"], "paint")
    assert flags.arguments == ("--oops", "--help")
    assert flags.without_help == ("--oops",)


def test_a_block_is_checked_as_it_will_be():
    with pytest.raises(UserError, match="flags: a glossy paint has 1 coat, not 3"):
        read("--glossy").check_block(Paint(coats=3))
    read("--glossy").check_block(Paint())


COMMANDS = (
    Annotated[Flags, tyro.conf.subcommand("wall")] | Annotated[Paint, tyro.conf.subcommand("door")]
)


def test_an_action_and_its_flags_are_read():
    assert read_command(COMMANDS, ["door", "--coats", "2,3"], "paint") == (
        "door", "--coats", "2", "3",
    )  # fmt: skip
    assert read_command(COMMANDS, ["--help"], "paint") == ("--help",)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "no action: give one of door, wall. `paint --help` says what each does"),
        (["dor"], "unknown action 'dor'. Did you mean 'door'\\? Known: door, wall"),
        (
            ["--coats=2", "door", "--colour", "red"],
            "^--coats stands before the action: write `paint door --coats=2 --colour red`$",
        ),
        (["--coats", "2"], "--coats stands where the action has to be named: name it first: door"),
        (["wall"], "--out is missing: `paint wall --help` says"),
    ],
)
def test_an_action_that_cannot_be_read_is_told(given, message):
    with pytest.raises(UserError, match=message):
        read_command(COMMANDS, given, "paint")


@pytest.mark.parametrize(
    ("given", "values", "note"),
    [
        (["--out", "y"], {"out": "y"}, "--out x --out y: it is given twice, and the last holds"),
        (["--width", "1", "--width=2"], {"out": "x", "width": 2.0}, "--width 1 --width 2: it is"),
        (["--glossy", "--no_glossy"], {"out": "x", "glossy": False}, "--glossy --no_glossy: it"),
        (
            ["--coats", "3", "--coats", "5"],
            {"out": "x", "coats": 5},
            "--coats 3 --coats 5: it is given twice, and the last holds; several numbers are "
            "written --coats 3 5 7",
        ),
    ],
)
def test_of_a_flag_that_is_given_twice_the_last_holds_with_a_note(given, values, note, capsys):
    assert read(*given).values == values
    assert capsys.readouterr().err.startswith(f"note: {note}")
