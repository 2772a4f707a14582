"""The scheduler against the rest of a search: annealing, and keys that mean nothing to it."""

import pytest

from models.config_file import parse_yaml
from models.presets import find_preset
from tuner.errors import SearchInvalid
from tuner.record.paths import RunPaths
from tuner.record.search_copy import read_search, write_search
from tuner.search.overrides import apply_overrides
from tuner.search.reader import SearchReader

SMALL = """
model: grammar_vae
preset: minimal
data: {dataset: equations, num_rows: 100}
space:
  lr: {log_uniform: [1e-4, 1e-2]}
  kl_anneal_epochs: {int: [0, 12]}
scheduler: {max_epochs: 60, grace_epochs: 5}
budget: {num_trials: 4}
"""
AFTER = "scheduler.grace_epochs=after_annealing"
CYCLES = (
    "space={cyclical_beta: {choice: [true, false]},"
    " cycle_epochs: {int: [4, 30], when: {cyclical_beta: true}}}"
)
RISE_OR_CYCLES = (
    "space={cyclical_beta: {choice: [true, false]},"
    " kl_anneal_epochs: {int: [0, 4], when: {cyclical_beta: false}},"
    " cycle_epochs: {int: [4, 12], when: {cyclical_beta: true}}}"
)
LAYERS = (
    "space.decoder_layers={choice: [1, 2]}",
    "space.kl_anneal_epochs={int: [0, 4], when: {decoder_layers: 2}}",
)


def read(*overrides, text=SMALL):
    raw = apply_overrides(parse_yaml(text, "small.yaml"), overrides)
    return SearchReader(raw, "small.yaml", find_preset).read()


@pytest.mark.parametrize(
    ("overrides", "grace"),
    [
        ([], 13),
        (["space.kl_anneal_epochs=null"], 11),  # the preset's
        ([CYCLES], 16),
        ([CYCLES, "fixed.kl_anneal_epochs=20"], 21),
        # The preset's 10 would stand where it is not searched, and has no effect there.
        ([RISE_OR_CYCLES], 7),
        ([RISE_OR_CYCLES, "preset=enhanced_v1"], 7),
        ([RISE_OR_CYCLES, *LAYERS], 11),
        (["space.kl_anneal_epochs=null", "fixed.cyclical_beta=true", "fixed.cycle_epochs=8"], 5),
        (["scheduler.name=median"], 13),
        (["scheduler.name=hyperband"], 13),
    ],
)
def test_grace_after_annealing_is_the_epoch_after_the_longest(overrides, grace):
    search = read(AFTER, *overrides)
    assert search.scheduler.grace == grace
    assert not [line for line in search.advice if "annealing" in line]


def test_a_run_keeps_the_number_that_it_began_with(tmp_path):
    search = read(AFTER)
    write_search(search, RunPaths(tmp_path))
    assert read_search(RunPaths(tmp_path)).scheduler == search.scheduler
    assert search.to_mapping()["scheduler"]["grace_epochs"] == 13


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["space.kl_anneal_epochs={int: [0, 59]}"],
            "the longest annealing takes 59 of 60 epochs (kl_anneal_epochs), so no rung would be "
            "left: raise scheduler.max_epochs above 60, lower kl_anneal_epochs",
        ),
        (
            ["space.kl_anneal_epochs=null", "fixed.kl_anneal_epochs=0"],
            "nothing is annealed in this search: give a number of epochs",
        ),
        (["scheduler.name=fifo"], "scheduler.grace_epochs means nothing to fifo"),
    ],
)
def test_grace_after_annealing_that_cannot_be_is_told(overrides, message):
    with pytest.raises(SearchInvalid) as caught:
        read(AFTER, *overrides)
    assert message in str(caught.value)


def test_a_model_without_annealing_says_so(make_search):
    with pytest.raises(SearchInvalid, match="annealing, and fake has none: give a number"):
        make_search("scheduler={max_epochs: 4, grace_epochs: after_annealing}")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ([], "at epoch 5, and the annealing of one may take 12 epochs (kl_anneal_epochs)"),
        (["scheduler.grace_epochs=1"], "at epochs 1, 3, 9, and"),
        (["scheduler={name: median, max_epochs: 60, grace_epochs: 12}"], "at epoch 12, and"),
        ([CYCLES], "may take 15 epochs (cycle_epochs)"),
    ],
)
def test_a_rung_inside_a_searched_annealing_is_pointed_out_with_what_helps(overrides, words):
    (advice,) = (line for line in read(*overrides).advice if line.startswith("scheduler"))
    assert words in advice
    mended = read(*overrides, AFTER)
    assert f"({mended.scheduler.grace})" in advice
    assert mended.advice == []


@pytest.mark.parametrize(
    "overrides",
    [
        ["space.kl_anneal_epochs=null"],  # one annealing for all compares
        ["scheduler={name: fifo, max_epochs: 60}"],
        ["fixed.beta=0.0", "space.kl_anneal_epochs=null"],
    ],
)
def test_where_trials_compare_nothing_is_advised(overrides):
    assert read(*overrides).advice == []


@pytest.mark.parametrize(
    ("scheduler", "message"),
    [
        ("{name: median, max_epochs: 9, reduction_factor: 3}", "reduction_factor means nothing to"),
        ("{max_epochs: 9, grace_epochs: later}", "grace_epochs is 'later': give a number of"),
        ("{max_epochs: 9, grace_epochs: 0}", "grace_epochs is 0: give a number of epochs from 1"),
        ("{max_epochs: 9, grace_epochs: 1.5}", "grace_epochs is 1.5: give a number of epochs"),
        ("{name: bohb, max_epochs: 9}", "name is 'bohb'"),
    ],
)
def test_a_scheduler_that_is_wrong_is_told(scheduler, message):
    with pytest.raises(SearchInvalid) as caught:
        read(f"scheduler={scheduler}")
    assert message in str(caught.value)
    assert len(caught.value.mistakes) == 1
