"""Keys that act only where another key lets them."""

import pytest

from models.config_file import to_mapping
from models.effects import Applies, idle_keys, idle_notes, plain, refuse_idle_flags
from models.errors import UserError
from models.presets import survey_presets
from models.registry import MODELS, model_spec

SAIL = Applies(key="sail", on="wind", above=0, off=0, why="wind fills it")
FLAG = Applies(key="flag", on="mast", values=("wood", "iron"), of=("red",), why="a mast holds it")
SETTINGS = {"sail": 2, "wind": 0, "flag": "red", "mast": "none"}


@pytest.mark.parametrize(
    ("changes", "idle"),
    [
        ({}, ["sail", "flag"]),
        ({"wind": 0.1}, ["flag"]),
        ({"sail": 0}, ["flag"]),
        ({"mast": "iron"}, ["sail"]),
        ({"flag": "blue"}, ["sail"]),
    ],
)
def test_a_key_is_idle_where_the_other_key_does_not_let_it_act(changes, idle):
    assert [each.key for each in idle_keys((SAIL, FLAG), SETTINGS | changes)] == idle


def test_a_flag_without_effect_is_refused_with_reason_and_remedy():
    with pytest.raises(UserError) as caught:
        refuse_idle_flags((SAIL, FLAG), SETTINGS, ("sail", "flag", "wind"))
    assert str(caught.value).splitlines() == [
        "--sail 2 would have no effect: wind fills it, and wind is 0: leave it out, or take wind "
        "above 0",
        "--flag red would have no effect: a mast holds it, and mast is none: leave it out, or "
        "take mast wood or iron",
    ]
    refuse_idle_flags((SAIL, FLAG), SETTINGS, ("wind",))


def test_what_a_preset_set_in_vain_is_noted():
    notes = idle_notes((SAIL, FLAG), SETTINGS, {"sail": 2, "flag": "blue"})
    assert notes == ["note: flag red has no effect: a mast holds it, and mast is none"]


@pytest.mark.parametrize("name", MODELS)
def test_what_is_declared_is_of_keys_and_values_that_there_are(name):
    spec = MODELS[name]
    settings = to_mapping(spec.config_type())
    for each in spec.applies:
        assert {each.key, each.on} <= settings.keys()
        assert (each.above is None) == bool(each.values)
        assert each.off is None or type(each.off) is type(settings[each.key])


@pytest.mark.parametrize("name", MODELS)
def test_built_in_presets_set_nothing_in_vain(name):
    spec = MODELS[name]
    defaults = to_mapping(spec.config_type())
    for preset in survey_presets([model_spec(name)]).presets:
        assert idle_notes(spec.applies, to_mapping(preset.config), defaults) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0013600000000000001, "0.00136"),
        (0.004120718229942609, "0.00412072"),
        (0.123456789, "0.123456789"),  # as somebody wrote it
        (1.0, "1.0"),
        ([7, 0.1 + 0.2, True], "[7, 0.3, true]"),
        (None, "null"),
    ],
)
def test_settings_are_shown_with_the_digits_that_are_read(value, text):
    assert plain(value) == text
