import json

import pytest

from models.config_file import parse_yaml
from models.grammar_vae.config import GrammarVaeConfig
from tuner.search.domains import Choice, FloatRange, IntRange
from tuner.search.space_parsing import parse_space
from tuner.search.space_points import count_points, points


def space(text):
    return parse_space(parse_yaml(text, ""), GrammarVaeConfig(), "")


CONDITIONAL = """
cyclical_beta: {choice: [true, false]}
cycle_epochs: {int: [4, 8], step: 2, when: {cyclical_beta: true}}
encoder_conv_layers: {int: [1, 2]}
encoder_kernel: {list: {choice: [3, 5]}, length: encoder_conv_layers}
"""


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("z_dim: {int: [16, 48], step: 8}", 5),
        ("decoder_dropout: {uniform: [0.0, 0.6], step: 0.1}", 7),
        ("cyclical_beta: {choice: [true, false]}", 2),
        (CONDITIONAL, (3 + 1) * (2 + 4)),
    ],
)
def test_every_point_comes_once(text, count):
    found = [json.dumps(point) for point in points(space(text))]
    assert len(found) == len(set(found)) == count == count_points(space(text), 1000)


def test_the_order_begins_where_it_is_told():
    one = space("z_dim: {int: [16, 48], step: 8}")
    assert [point["z_dim"] for point in points(one, lambda num: num - 1)] == [48, 16, 24, 32, 40]


def test_counting_ends_where_more_is_of_no_interest():
    assert count_points(space("beta: {log_uniform: [1e-3, 1.0]}"), 64) == 64


@pytest.mark.parametrize(
    ("domain", "num_values", "ends"),
    [
        (FloatRange(low=0.1, high=0.1), 1, None),
        (FloatRange(low=0.5, high=2.5), 2**53, (0.5, 2.5)),
        (FloatRange(low=0.001, high=10.0, log=True), 2**53, (0.001, 10.0)),
        (FloatRange(low=0.0, high=0.3, step=0.1), 4, (0.0, 0.3)),
        (IntRange(low=3, high=10, step=3), 3, (3, 9)),
        (Choice(options=(1.5, 2.5)), 2, (1.5, 2.5)),
    ],
)
def test_values_by_index(domain, num_values, ends):
    assert domain.num_values == num_values
    assert domain.contains(domain.value_at(num_values // 2))
    if ends:
        assert (domain.value_at(0), domain.value_at(num_values - 1)) == pytest.approx(ends)
