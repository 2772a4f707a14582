import pytest

from tuner.search.domains import Choice, FloatRange, IntRange, ListOf
from tuner.search.space import Condition, Illegal, Parameter, Space, flatten

CYCLES = Parameter(
    key="cycles",
    domain=IntRange(low=2, high=9),
    when=(Condition(key="cyclical", values=(True,)), Condition(key="style", values=("a", "b"))),
)
KERNEL = Parameter(
    key="kernel", domain=ListOf(item=Choice(options=(3, 5, 7)), length="layers"), when=()
)
SPACE = Space(
    parameters=(
        Parameter(key="layers", domain=IntRange(low=1, high=3)),
        Parameter(key="cyclical", domain=Choice(options=(True, False))),
        CYCLES,
        KERNEL,
    ),
    preset={"layers": 2, "cyclical": False, "cycles": 5, "kernel": [3, 5], "style": "a", "lr": 0.1},
)


def walk(**picks):
    asked = []

    def pick(name, _):
        asked.append(name)
        return picks.get(name, 3)

    return SPACE.walk(pick), asked


def test_walk_asks_for_active_scalars_by_flat_name():
    values, asked = walk(layers=2, cyclical=True, cycles=4)
    assert values == {"layers": 2, "cyclical": True, "cycles": 4, "kernel": [3, 3]}
    assert asked == ["layers", "cyclical", "cycles", "kernel[0]", "kernel[1]"]


def test_inactive_key_is_not_asked_for_and_has_the_value_of_the_preset():
    values, asked = walk(layers=1, cyclical=False)
    assert "cycles" not in values
    assert "cycles" not in asked
    assert SPACE.complete(values)["cycles"] == 5


def test_condition_on_a_key_that_is_not_searched_looks_at_the_preset():
    other = Space(parameters=SPACE.parameters, preset={**SPACE.preset, "style": "c"})
    assert "cycles" not in other.walk(lambda name, _: True if name == "cyclical" else 1)


def test_settings_are_found_in_the_space():
    settings = {"layers": 3, "cyclical": True, "cycles": 9, "kernel": (3, 5, 7), "lr": 0.5}
    assert SPACE.locate(settings) == (
        {"layers": 3, "cyclical": True, "cycles": 9, "kernel": [3, 5, 7]},
        [],
    )


def test_settings_outside_are_moved_to_the_nearest_point():
    settings = {"layers": 4, "cyclical": True, "cycles": 1, "kernel": [3, 9, 4, 3]}
    values, illegal = SPACE.locate(settings)
    assert values == {"layers": 3, "cyclical": True, "cycles": 2, "kernel": [3, 7, 3]}
    assert illegal == [
        Illegal(key="layers", value=4, nearest=3),
        Illegal(key="cycles", value=1, nearest=2),
        Illegal(key="kernel", value=[3, 9, 4, 3], nearest=[3, 7, 3]),
    ]


def test_one_number_where_a_list_is_searched_counts_for_every_item():
    settings = {"layers": 3, "cyclical": False, "cycles": 99, "kernel": 5}
    assert SPACE.locate(settings) == (
        {"layers": 3, "cyclical": False, "kernel": [5, 5, 5]},
        [],
    )


def test_lists_are_flattened_by_item():
    assert flatten({"layers": 2, "kernel": [3, 5]}, SPACE) == {
        "layers": 2,
        "kernel[0]": 3,
        "kernel[1]": 5,
    }


def test_space_is_written_as_in_a_file():
    assert SPACE.to_mapping() == {
        "layers": {"int": [1, 3]},
        "cyclical": {"choice": [True, False]},
        "cycles": {"int": [2, 9], "when": {"cyclical": True, "style": ["a", "b"]}},
        "kernel": {"list": {"choice": [3, 5, 7]}, "length": "layers"},
    }


@pytest.mark.parametrize(
    ("domain", "mapping"),
    [
        (FloatRange(low=0.1, high=1.0, log=True), {"log_uniform": [0.1, 1.0]}),
        (FloatRange(low=0.0, high=1.0, step=0.5), {"uniform": [0.0, 1.0], "step": 0.5}),
        (IntRange(low=1, high=8, log=True), {"log_int": [1, 8]}),
        (IntRange(low=0, high=8, step=4), {"int": [0, 8], "step": 4}),
    ],
)
def test_ranges_are_written_as_in_a_file(domain, mapping):
    assert domain.to_mapping() == mapping


def test_digest_changes_with_the_space_alone():
    moved = Space(parameters=SPACE.parameters, preset={**SPACE.preset, "lr": 0.7})
    fewer = Space(parameters=SPACE.parameters[:-1], preset=SPACE.preset)
    assert moved.digest == SPACE.digest != fewer.digest
    assert len(SPACE.digest) == 64
