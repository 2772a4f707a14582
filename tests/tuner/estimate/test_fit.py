from pathlib import Path
from types import SimpleNamespace

import pytest

from models.training.contracts import ModelCost
from tuner.errors import SearchInvalid
from tuner.estimate.fit import check_fit, check_place
from tuner.search.loading import load_search
from tuner.search.machine import Machine


def refuse(*overrides, memory_gb, card_gb=None):
    search = load_search("grammar_vae/quickstart", overrides)
    machine = Machine(cpu=2, gpu=0, memory_gb=memory_gb, card_gb=card_gb)
    check_fit(None, search=search, machine=machine)


def warnings(gpu, needed_gb, card_gb):
    search = load_search("grammar_vae/quickstart", [f"resources.gpu={gpu}"])
    size = ModelCost(
        num_parameters=1, checkpoint_mb=0.001, memory_mb=1000 * needed_gb, rows_per_epoch=1
    )
    machine = Machine(cpu=2, gpu=1, memory_gb=8, card_gb=card_gb)
    return check_place(search, (size, size), 4, Path(), machine=machine)


def test_a_search_whose_largest_model_fits_is_taken():
    refuse(memory_gb=8.0)


def test_a_search_whose_largest_model_does_not_fit_is_refused_with_both_sizes():
    words = (
        r"space: its largest model has [\d,]+ parameters and takes about \d+ GB .* has 8: narrow"
    )
    with pytest.raises(SearchInvalid, match=words):
        refuse("space.encoder_hidden={int: [8, 20000]}", memory_gb=8.0)


def test_more_trials_side_by_side_than_memory_has_room_for_are_refused():
    words = r"resources.cpu is 0.001: 500 trials would run side by side .* take 0\.\d+ or more"
    with pytest.raises(SearchInvalid, match=words):
        refuse("resources.cpu=0.001", "budget.num_trials=500", memory_gb=8.0)
    refuse("resources.cpu=0.25", "budget.num_trials=500", memory_gb=8.0)


def test_a_part_of_the_validation_rows_that_leaves_out_none_is_refused():
    data = SimpleNamespace(val=range(30))
    check_fit(data, search=load_search("grammar_vae/quickstart"), machine=None)
    search = load_search("grammar_vae/quickstart", ["scheduler.val_rows=30"])
    with pytest.raises(SearchInvalid, match=r"is 30: there are 30 validation rows, .* remove"):
        check_fit(data, search=search, machine=None)
    fewer = load_search("grammar_vae/quickstart", ["scheduler.val_rows=29"])
    check_fit(data, search=fewer, machine=None)


@pytest.mark.parametrize("metric", ["val/prior_unique", "val/prior_novel"])
def test_an_objective_of_which_the_data_give_no_value_is_refused(metric):
    search = load_search("grammar_vae/quickstart", [f"objective=[val/seq_acc, {metric}]"])
    words = rf"these data give no {metric}: the grammar of these ids is unknown, .* take another"
    with pytest.raises(SearchInvalid, match=words):
        check_fit(SimpleNamespace(grammar=None), search=search, machine=None)
    check_fit(SimpleNamespace(grammar="known"), search=search, machine=None)


def test_a_model_that_is_larger_than_a_card_is_refused():
    words = r"takes about \d+ GB of memory in training, and a card here has 80: narrow"
    with pytest.raises(SearchInvalid, match=words):
        refuse("space.encoder_hidden={int: [8, 20000]}", "resources.gpu=1", memory_gb=8, card_gb=80)


def test_a_model_that_is_larger_than_the_share_of_a_card_is_told():
    (line,) = warnings(0.25, 30, 80)
    assert "about 31 GB on a card" in line
    assert "resources.gpu 0.25 is 20 of 80 GB" in line
    assert "raise resources.gpu to 0.4" in line
    assert 'constraints: ["memory_gb <= 19"]' in line


@pytest.mark.parametrize(
    ("gpu", "needed_gb", "card_gb"), [(0.25, 18, 80), (2, 70, 80), (0, 30, 80), (0.25, 30, None)]
)
def test_what_fits_on_its_share_or_cannot_be_known_is_not_told(gpu, needed_gb, card_gb):
    assert warnings(gpu, needed_gb, card_gb) == []


def test_trials_on_a_gpu_of_unknown_size_are_left_to_run():
    refuse("space.encoder_hidden={int: [8, 20000]}", "resources.gpu=1", memory_gb=8.0)


def test_a_constraint_on_memory_keeps_the_largest_model_within_it():
    refuse(
        "space.encoder_hidden={int: [8, 20000], log: true}",
        'constraints=["memory_gb <= 8"]',
        memory_gb=8.0,
    )


def test_constraints_on_cost_that_no_model_keeps_are_refused():
    words = (
        r"constraints\[0\] is 'params < 1000': no point of 100 that were drawn keeps all "
        r"constraints; the smallest model has [\d,]+ parameters, .* the largest .* loosen it"
    )
    with pytest.raises(SearchInvalid, match=words):
        refuse('constraints=["params < 1000"]', memory_gb=8.0)


def test_a_preset_to_begin_with_that_the_constraints_of_cost_forbid_is_refused():
    begin = "searcher.warm_start=[minimal]", "space={decoder_hidden: {int: [16, 128]}}"
    refuse(*begin, 'constraints=["params < 600000"]', memory_gb=8.0)
    words = (
        r"searcher.warm_start: minimal does not keep the constraint `params < 500000`, as its "
        r"network has \d{3},\d{3} parameters: loosen it or drop the preset"
    )
    with pytest.raises(SearchInvalid, match=words):
        refuse(*begin, 'constraints=["params < 500000"]', memory_gb=8.0)
