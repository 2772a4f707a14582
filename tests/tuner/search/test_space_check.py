import re

import pytest

from models.config_file import parse_yaml
from models.grammar_vae.config import GrammarVaeConfig
from tuner.errors import SearchInvalid
from tuner.search.space_parsing import parse_space

BASE = GrammarVaeConfig()  # 3 layers, kernel [3, 5, 7], cyclical_beta off


def parse(text, base=BASE):
    return parse_space(parse_yaml(text, "search.yaml"), base, "search.yaml")


def mistakes(text, base=BASE):
    with pytest.raises(SearchInvalid, match=r"search\.yaml") as caught:
        parse(text, base)
    return tuple(map(str, caught.value.mistakes))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("encoder_kernal: {int: [3, 5]}", "no such key. Did you mean 'encoder_kernel'"),
        ("epochs: {int: [3, 5]}", "epochs cannot be searched: scheduler.max_epochs"),
        ("seed: {int: [3, 5]}", "seed cannot be searched: a lucky seed"),
        ("z_dim: {uniform: [3, 5]}", "takes int, not any number: use int or log_int"),
        ("lr: {int: [1, 5]}", "takes float, not whole numbers: use uniform with step: 1"),
        ("cyclical_beta: {int: [0, 1]}", "takes bool, not whole numbers: use choice"),
        ("z_dim: {list: {int: [1, 5]}, length: 2}", "takes int, not a list"),
        ("encoder_kernel: {list: {uniform: [1, 5]}, length: 3}", "takes int, not any number"),
        ("z_dim: {int: [0, 5]}", "space.z_dim: 0 is not possible: give a value above 0"),
        ("z_dim: {choice: [8, x]}", "'x' is not possible: the key takes int"),
        ("z_dim: {choice: [8, 8.5]}", "8.5 is not possible: the key takes int"),
        ("beta: {uniform: [-1, 1]}", "-1.0 is not possible: give 0 or more"),
        ("lr_schedule: {choice: [cosine, cosin]}", "'cosin' is not possible: give"),
        ("cyclical_beta: {choice: [true, 1.5]}", "1.5 is not possible: the key takes bool"),
        (
            "encoder_kernel: {list: {choice: [3, -1]}, length: encoder_conv_layers}",
            "-1 is not possible: give a value above 0",
        ),
        (
            "encoder_kernel: {list: {choice: [3, 5]}, length: encoder_layers}",
            "length: the preset has no key encoder_layers. Did you mean",
        ),
        (
            "encoder_kernel: {list: {choice: [3, 5]}, length: lr_schedule}",
            "lr_schedule may be 'constant': a length is 1, 2, 3",
        ),
        (
            "encoder_kernel: {choice: [3, [3, 5]]}",
            r"\[3, 5\] is not possible: encoder_kernel has 2 numbers",
        ),
        ("z_dim: {int: [3, 5], when: {cyclic_beta: true}}", "Did you mean 'cyclical_beta'"),
        (
            "cycle_epochs: {int: [3, 5], when: {cyclical_beta: true}}",
            "never True, as the preset has cyclical_beta = False: search that key too, or remove",
        ),
    ],
)
def test_mistake_is_found_before_anything_starts(text, message):
    (mistake,) = mistakes(text)
    assert re.search(message, mistake)


@pytest.mark.parametrize(
    ("parent", "when", "message"),
    [
        ("{int: [20, 40]}", "50", "50 is not searched in z_dim: the nearest is 40"),
        ("{int: [20, 40], step: 10}", "[20, 34]", "34 is not .* nearest is 30"),
        ("{choice: [20, 40]}", "true", "True is not searched in z_dim"),
    ],
)
def test_condition_must_be_possible_for_its_key(parent, when, message):
    (mistake,) = mistakes(f"z_dim: {parent}\nlr: {{uniform: [0.1, 1], when: {{z_dim: {when}}}}}")
    assert re.search(message, mistake)


def test_condition_on_a_continuous_range_would_never_hold():
    (mistake,) = mistakes("beta: {uniform: [0, 1]}\nlr: {uniform: [0.1, 1], when: {beta: 0.5}}")
    assert "a continuous range, which a condition cannot pick a value of" in mistake
    assert parse("beta: {uniform: [0, 1], step: 0.5}\nlr: {uniform: [0.1, 1], when: {beta: 0.5}}")


def test_condition_on_a_key_that_is_not_searched_but_holds_is_allowed():
    space = parse("encoder_pool: {choice: [mean, flatten], when: {encoder_style: residual}}")
    assert space.walk(lambda _, domain: domain.options[1]) == {"encoder_pool": "flatten"}


def test_circle_is_refused():
    found = mistakes(
        "cyclical_beta: {choice: [true, false], when: {cycle_epochs: 4}}\n"
        "cycle_epochs: {int: [4, 8], when: {cyclical_beta: true}}\n"
    )
    assert "depend on each other in a circle" in found[0]


def test_number_of_layers_cannot_vary_under_a_fixed_kernel_list():
    found = mistakes("encoder_conv_layers: {int: [2, 4]}")
    assert [mistake[:42] for mistake in found] == [
        "space.encoder_conv_layers: 2 is not possib",
        "space.encoder_conv_layers: 4 is not possib",
    ]
    assert parse("encoder_conv_layers: {int: [2, 4]}", GrammarVaeConfig(encoder_kernel=3))


def test_number_of_layers_varies_with_a_kernel_list_of_that_length():
    assert parse(
        "encoder_conv_layers: {int: [2, 4]}\n"
        "encoder_kernel: {list: {choice: [3, 5]}, length: encoder_conv_layers}\n"
    )


def test_impossible_combination_is_found_and_shown():
    (mistake,) = mistakes(
        "cyclical_beta: {choice: [true, false]}\ncycle_epochs: {int: [1, 50]}\n"
        "encoder_conv_layers: {int: [3, 4]}\n"
        "encoder_kernel: {list: {choice: [3, 5]}, length: 3}\n"
    )
    assert re.search(
        r"not possible: encoder_kernel has 3 numbers .* encoder_conv_layers = 4", mistake
    )


def test_rare_combination_is_found_by_random_points():
    (mistake,) = mistakes(
        "cyclical_beta: {choice: [true, false]}\ncycle_epochs: {int: [1, 9]}\nlr: {uniform: [1, 2]}"
    )
    assert re.search(
        r"combination .*cyclical_beta=True, cycle_epochs=1, .*a cycle needs 2", mistake
    )
    assert "Narrow a range, or tie the keys together" in mistake


def test_same_space_is_judged_alike_every_time():
    text = "cyclical_beta: {choice: [true, false]}\ncycle_epochs: {int: [1, 9]}"
    assert mistakes(text) == mistakes(text)


def test_end_that_is_possible_only_deep_in_the_conditions_is_allowed():
    assert parse(
        "z_dim: {int: [8, 400]}\n"
        "cyclical_beta: {choice: [true, false], when: {z_dim: 77}}\n"
        "cycle_epochs: {int: [2, 9], when: {cyclical_beta: true}}\n"
    )
