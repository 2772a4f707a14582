"""Messages for unknown names."""

import pytest

from models.errors import UserError, did_you_mean, nearest_name, unknown_name

COLOURS = ("crimson", "azure", "olive")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("crimsn", "crimson"), ("azur", "azure"), ("olives", "olive"), ("Olvie", "olive")],
)
def test_the_nearest_choice_is_named(name, nearest):
    assert nearest_name(name, COLOURS) == nearest
    assert did_you_mean(name, COLOURS) == f" Did you mean '{nearest}'?"


def test_nothing_is_suggested_when_nothing_is_close():
    assert nearest_name("zzz", COLOURS) is None
    assert did_you_mean("zzz", COLOURS) == ""


def test_an_unknown_name_lists_all_choices_in_order():
    error = unknown_name("colour", "azur", iter(COLOURS))
    assert isinstance(error, UserError)
    assert str(error) == (
        "unknown colour 'azur'. Did you mean 'azure'? Known: azure, crimson, olive"
    )


def test_an_unknown_name_says_so_when_there_are_no_choices():
    assert str(unknown_name("colour", "red", ())) == "unknown colour 'red'. Known: none yet"


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("isinstance", ("int", "len")),
        ("print", ("int",)),
        ("ids", ("spaces",)),
        ("gpu", ("cpu", "cuda")),
        ("x", ("y",)),
        ("", ("a", "b")),
    ],
)
def test_what_is_merely_the_least_unlike_is_not_suggested(name, choices):
    assert nearest_name(name, choices) is None


def test_a_part_of_a_name_stands_for_it():
    assert nearest_name("dropout", ("decoder_layers", "decoder_dropout")) == "decoder_dropout"
    assert nearest_name("drop", ("decoder_layers", "decoder_dropout")) is None
