"""Searched and fixed keys that never act, or at some points of the space only."""

import pytest

from models.config_file import parse_yaml
from models.errors import UserError
from models.presets import find_preset
from tuner.record.paths import RunPaths
from tuner.record.search_copy import read_search, write_search
from tuner.search.loading import load_search
from tuner.search.overrides import apply_overrides
from tuner.search.reader import SearchReader
from tuner.search.search_files import shipped_searches

SEARCH = """
model: grammar_vae
preset: enhanced_v1
data: {dataset: equations, num_rows: 100}
space:
  lr: {log_uniform: [1e-4, 1e-2]}
objective: {metric: val/seq_acc, mode: max}
scheduler: {name: fifo, max_epochs: 20}
budget: {num_trials: 2}
"""


def read(*overrides, **options):
    raw = apply_overrides(parse_yaml(SEARCH, "small.yaml"), overrides)
    return SearchReader(raw, "small.yaml", find_preset, **options).read()


LAYER = "fixed.decoder_layers=1"
ONE_LAYER = "it drops features between the GRU's layers, and decoder_layers is 1"
CYCLES = "space.cyclical_beta={choice: [true, false]}"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["space.decoder_dropout={uniform: [0.0, 0.5]}", LAYER],
            f"space.decoder_dropout would have no effect: {ONE_LAYER}: remove it, or take "
            "decoder_layers above 1",
        ),
        (
            ["fixed.decoder_dropout=0.3", LAYER],
            f"fixed.decoder_dropout (0.3) would have no effect: {ONE_LAYER}: remove it",
        ),
        (
            ["space.cycle_epochs={int: [4, 8]}"],
            "it is the length of the cycles in which beta rises, and cyclical_beta is false",
        ),
        (
            ["space.cycle_epochs={int: [4, 8], when: {cyclical_beta: false}}", CYCLES],
            "and its `when` asks for cyclical_beta false: remove it, or take cyclical_beta true",
        ),
        (["fixed.kl_anneal_epochs=4", "fixed.cyclical_beta=true"], "and cyclical_beta is true"),
        (["fixed.free_bits=2.0", "fixed.beta=0.0"], "which beta weighs, and beta is 0.0"),
        (["space.cyclical_beta={choice: [true, false]}", "fixed.beta=0"], "beta is 0"),
        (
            ["space.lr_schedule={choice: [cosine, plateau]}", "scheduler.max_epochs=7"],
            "space.lr_schedule: plateau would have no effect: it waits for more than 5 epochs "
            "behind the best one, and scheduler.max_epochs is 7: remove plateau from its "
            "choices, or take scheduler.max_epochs above 7",
        ),
        (["fixed.lr_schedule=plateau", "scheduler.max_epochs=5"], "fixed.lr_schedule (plateau)"),
        (["fixed.description=mine"], "fixed.description changes nothing"),
    ],
)
def test_a_key_that_never_acts_is_refused(overrides, message):
    with pytest.raises(UserError) as caught:
        read(*overrides)
    assert message in str(caught.value)
    assert "a mistake\n" in str(caught.value)


@pytest.mark.parametrize(
    "overrides",
    [
        ["space.decoder_dropout={uniform: [0.0, 0.5]}"],
        ["fixed.decoder_dropout=0.0", LAYER],
        ["fixed.free_bits=0.0", "fixed.beta=0.0"],
        [LAYER],  # the preset's own 0.2 waits for more layers
        ["space.cycle_epochs={int: [4, 8], when: {cyclical_beta: true}}", CYCLES],
        ["space.beta={uniform: [0.0, 1.0]}", "space.free_bits={uniform: [0.0, 1.0]}"],
        ["space.lr_schedule={choice: [cosine, plateau]}", "scheduler.max_epochs=8"],
        ["fixed.decoder_dropout=0.3", "space.decoder_layers={int: [1, 2]}"],
    ],
)
def test_a_key_that_acts_is_taken_without_advice(overrides):
    assert read(*overrides).advice == []


@pytest.mark.parametrize(
    ("overrides", "when"),
    [
        (["space.cycle_epochs={int: [4, 8]}", CYCLES], "`when: {cyclical_beta: true}`"),
        (["space.kl_anneal_epochs={int: [4, 8]}", CYCLES], "`when: {cyclical_beta: false}`"),
        (
            ["space.decoder_dropout={uniform: [0.0, 0.5]}", "space.decoder_layers={int: [1, 3]}"],
            "`when: {decoder_layers: [2, 3]}`",
        ),
        (
            ["space.free_bits={uniform: [0.0, 1.0]}", "space.beta={choice: [0.0, 0.5, 1.0]}"],
            "`when: {beta: [0.5, 1.0]}`",
        ),
    ],
)
def test_a_key_that_acts_at_some_points_only_comes_with_advice_that_helps(overrides, when):
    (advice,) = read(*overrides).advice
    assert when in advice
    key = overrides[0].partition("=")[0]
    mended = overrides[0].replace("}", f", {when.strip('`')}}}", 1)
    assert mended.startswith(key)
    assert read(mended, *overrides[1:]).advice == []


@pytest.mark.parametrize("name", sorted(shipped_searches()))
def test_searches_that_ship_need_no_advice(name):
    assert load_search(name).advice == []


def test_an_old_run_can_be_read_whatever_acted_in_it(tmp_path):
    search = read("fixed.decoder_dropout=0.3", LAYER, check_effects=False)
    paths = RunPaths(tmp_path)
    write_search(search, paths)
    assert read_search(paths).fixed == search.fixed
