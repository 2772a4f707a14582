import dataclasses

import pytest

from models.config_file import parse_yaml
from models.grammar_vae.spec import GRAMMAR_VAE
from models.presets import find_preset
from tuner.errors import SearchInvalid
from tuner.search.blocks import Objective
from tuner.search.overrides import apply_overrides
from tuner.search.reader import SearchReader

SMALL = """
model: grammar_vae
preset: minimal
fixed: {batch_size: 64}
data: {dataset: equations, num_rows: 100}
space:
  cycle_epochs: {int: [4, 8], when: {cyclical_beta: true}}
  cyclical_beta: {choice: [true, false]}
  encoder_kernel: {list: {choice: [3, 5]}, length: encoder_conv_layers}
searcher: {warm_start: [minimal]}
scheduler: {max_epochs: 6}
budget: {num_trials: 4}
"""


def read(*overrides):
    raw = apply_overrides(parse_yaml(SMALL, "small.yaml"), overrides)
    return SearchReader(raw, "small.yaml", find_preset).read()


def mistakes(*overrides):
    with pytest.raises(SearchInvalid, match=r"small\.yaml: ") as caught:
        read(*overrides)
    return tuple(map(str, caught.value.mistakes))


def test_settings_come_from_preset_fixed_and_scheduler():
    search = read()
    assert search.base_config == dataclasses.replace(
        find_preset(GRAMMAR_VAE, "minimal").config, batch_size=64, epochs=6
    )
    assert search.source == "small.yaml"


def test_defaults_are_filled_in():
    search = read()
    assert search.objective == Objective(metric="val/seq_acc", mode="max")
    assert (search.searcher.sampler, search.scheduler.name) == ("tpe", "asha")
    assert (search.resources.cpu, search.resources.gpu, search.keep.top_k) == (1, 0, 3)
    assert search.budget.hours is None


def test_warm_start_is_a_point_of_the_space():
    (start,) = read().warm_starts
    assert start.preset.name == "minimal"
    assert start.values == {"cyclical_beta": False, "encoder_kernel": [3, 3]}


def test_random_searcher_draws_at_random():
    assert read("searcher.name=random").searcher.sampler == "random"


def test_several_objectives_are_kept():
    search = read("objective=[{metric: val/seq_acc}, {metric: val/kl}]")
    assert [item.mode for item in search.objectives] == ["max", "min"]
    assert search.objective == search.objectives[0]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model=null", "model is None: give a name"),
        ("model=grammar_ave", "Did you mean 'grammar_vae'"),
        ("preset=minimul", "unknown grammar_vae preset 'minimul'. Did you mean 'minimal'"),
        ("preset=3", "preset is 3: give a name"),
        ("presets=x", "presets: a search has no such key. Did you mean 'preset'"),
        ("data.dataset=pdf", "data: dataset is 'pdf'"),
        ("data=pde", "data is 'pde': give its keys"),
        ("budget=8", "budget is 8: give its keys, budget: {...}"),
        ("budget=null", "budget: num_trials is missing"),
        ("scheduler=null", "scheduler: max_epochs is missing"),
        ("fixed.epochs=3", "fixed.epochs: set scheduler.max_epochs instead"),
        ("fixed.cyclical_beta=true", "fixed.cyclical_beta is searched too"),
        ("fixed.betta=1", "fixed: unknown key 'betta'. Did you mean 'beta'"),
        ("fixed.beta=-1", "fixed: beta is -1"),
        ("space=null", "space: nothing is searched"),
        ("space.beta={uniform: [1, 0]}", "space.beta.uniform: low (1) must be below high (0)"),
        ("searcher.warm_start=[minimul]", "Did you mean 'minimal'"),
        ("scheduler={name: fifo, max_epochs: 3, grace_epochs: 1}", "means nothing to fifo"),
        ("objective.metric=val/acc", "objective.metric: unknown metric"),
    ],
)
def test_mistake_is_explained(override, message):
    (mistake,) = mistakes(override)
    assert message in mistake


def test_all_mistakes_are_reported_at_once():
    found = mistakes(
        "preset=minimul",
        "data.num_row=3",
        "space.beta={uniform: [0, .inf]}",
        "space.lrr={uniform: [0, 1]}",
        "objective.metric=val/acc",
        "scheduler.max_epochs=0",
        "budget.num_trials=0",
        "keep.topk=2",
        "extra=1",
    )
    assert len(found) == 9


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "space.beta={log_uniform: [1e-3, 0.5]}",
            "minimal has beta = 1.0, which is outside the space (nearest: 0.5): widen space.beta",
        ),
        ("space.z_dim={choice: [16, 24, 48]}", "z_dim = 32, which is outside .* (nearest: 24)"),
        ("space.z_dim={int: [8, 64], step: 7}", "z_dim"),
        ("space.encoder_kernel.list={choice: [5, 9]}", "encoder_kernel = [3, 3]"),
        ("searcher.warm_start=[minimal, large, enhanced_v1, kusner_original]", "widen"),
    ],
)
def test_warm_start_outside_the_space_names_the_nearest_value(override, message):
    found = mistakes(override)
    assert all(part in " ".join(found) for part in message.split(".*"))


def test_more_warm_starts_than_trials_are_refused():
    found = mistakes("searcher.warm_start=[minimal, kusner_original]", "budget.num_trials=1")
    assert "names 2 presets for 1 trial" in found[0]


def test_metric_that_the_space_moves_is_refused():
    found = mistakes(
        "objective.metric=val/loss",
        "space.beta={log_uniform: [1e-3, 1]}",
    )
    assert "val/loss cannot compare trials while beta is searched" in found[0]


def test_mistakes_in_fixed_do_not_hide_those_in_space():
    lr, beta, z_dim = mistakes("fixed.beta=-1", "fixed.lr=x", "space.z_dim={int: [0, 8]}")
    assert lr == "fixed: lr is 'x': give a number"
    assert beta.startswith("fixed: beta is -1: ")
    assert z_dim.startswith("space.z_dim: 0 is not possible: ")


@pytest.mark.parametrize(
    "overrides",
    [
        # Its value might be one with which the condition holds, or the key acts.
        ("fixed.cyclical_beta='yes'", "space.cyclical_beta=null"),
        ("fixed.encoder_conv_layers='3'", "space.encoder_kernel={choice: [[3, 5, 7], [5, 7, 9]]}"),
        ("fixed.encoder_conv_layers='3'", "space.encoder_kernel.length=encoder_conv_layers"),
    ],
)
def test_what_depends_on_a_mistake_in_fixed_is_not_judged(overrides):
    (mistake,) = mistakes(*overrides)
    assert mistake.startswith("fixed: ")
