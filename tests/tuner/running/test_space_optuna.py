import warnings

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FixedTrial

from models.config_file import parse_yaml, to_config
from models.grammar_vae.config import GrammarVaeConfig
from tuner.running.space_optuna import decode, distribution, encode, suggest
from tuner.search.domains import Choice, FloatRange
from tuner.search.space_parsing import parse_space

BASE = GrammarVaeConfig()
SPACE = parse_space(
    parse_yaml(
        """
        cycle_epochs: {int: [4, 20], step: 4, when: {cyclical_beta: true}}
        cyclical_beta: {choice: [true, false]}
        beta: {log_uniform: [1e-3, 1.0]}
        free_bits: {choice: [0.0, 0.5, 4.0]}
        decoder_dropout: {uniform: [0.0, 0.6], step: 0.1}
        encoder_hidden: {log_int: [8, 256]}
        encoder_conv_layers: {int: [2, 4]}
        encoder_kernel: {list: {choice: [3, 5, 7]}, length: encoder_conv_layers}
        lr_schedule: {choice: [constant, cosine]}
        """,
        "",
    ),
    BASE,
    "",
)
LISTS = parse_space(parse_yaml("encoder_kernel: {choice: [3, [3, 5, 7], [7, 5, 3]]}", ""), BASE, "")


def pick_with(data):
    """Draw scalars by hypothesis, as a sampler would."""

    def pick(name, domain):
        if isinstance(domain, Choice):
            return data.draw(st.sampled_from(domain.options), name)
        if isinstance(domain, FloatRange):
            value = data.draw(st.floats(domain.low, domain.high), name)
            return domain.nearest(value)
        steps = (domain.high - domain.low) // domain.step
        return domain.low + domain.step * data.draw(st.integers(0, steps), name)

    return pick


@pytest.fixture
def study():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(multivariate=True, group=True, seed=0)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=sampler)


@given(data=st.data())
@settings(deadline=None)
def test_any_point_survives_the_study(data):
    space = data.draw(st.sampled_from([SPACE, LISTS]))
    values = space.walk(pick_with(data))
    params = encode(space, values)
    assert all(
        param is None or isinstance(param, bool | int | float | str) for param in params.values()
    )
    assert decode(space, params) == values
    assert encode(space, decode(space, params)) == params
    assert space.locate({**space.preset, **values}) == (values, [])


@given(data=st.data())
@settings(deadline=None)
def test_enqueued_point_is_drawn_as_it_is(data):
    values = SPACE.walk(pick_with(data))
    params = encode(SPACE, values)
    trial = FixedTrial(params)  # raises where a value is outside its distribution
    assert suggest(trial, SPACE) == values
    assert trial.params == params


def test_flat_names_are_those_of_the_study():
    values = {
        "cyclical_beta": False,
        "beta": 0.1,
        "free_bits": 0.5,
        "decoder_dropout": 0.3,
        "encoder_hidden": 64,
        "encoder_conv_layers": 2,
        "encoder_kernel": [3, 7],
        "lr_schedule": "cosine",
    }
    params = encode(SPACE, values)
    assert params == {
        **{key: value for key, value in values.items() if key != "encoder_kernel"},
        "encoder_kernel[0]": 3,
        "encoder_kernel[1]": 7,
    }


def test_list_among_the_options_stands_as_text_in_the_study():
    assert encode(LISTS, {"encoder_kernel": [3, 5, 7]}) == {"encoder_kernel": "[3, 5, 7]"}
    assert decode(LISTS, {"encoder_kernel": "[3, 5, 7]"}) == {"encoder_kernel": [3, 5, 7]}


def test_drawn_points_are_legal_settings_and_reach_both_ends(study):
    layers, dropouts = set(), set()
    for number in range(120):
        trial = study.ask()
        values = suggest(trial, SPACE)
        assert SPACE.locate({**SPACE.preset, **values}) == (values, [])
        assert ("cycle_epochs" in values) == values["cyclical_beta"]
        to_config(GrammarVaeConfig, SPACE.complete(values), "")
        assert decode(SPACE, trial.params) == values
        layers.add(values["encoder_conv_layers"])
        dropouts.add(values["decoder_dropout"])
        study.tell(trial, number)
    assert layers == {2, 3, 4}
    assert {0.0, 0.6} < dropouts <= {0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6}


def test_distributions_are_those_that_the_study_records(study):
    trial = study.ask()
    suggest(trial, SPACE)
    for name, recorded in trial.distributions.items():
        domain = SPACE.parameter(name.partition("[")[0]).domain
        assert distribution(getattr(domain, "item", domain)) == recorded


def test_choice_of_lists_draws_without_warnings(study):
    for number in range(10):
        trial = study.ask()
        assert suggest(trial, LISTS)["encoder_kernel"] in (3, [3, 5, 7], [7, 5, 3])
        study.tell(trial, number)
