import pytest

from tuner.errors import SearchInvalid
from tuner.estimate.fit import check_fit
from tuner.search.loading import load_search
from tuner.search.machine import Machine


def refuse(*overrides, memory_gb):
    search = load_search("grammar_vae/quickstart", overrides)
    check_fit(None, search=search, machine=Machine(cpu=2, gpu=0, memory_gb=memory_gb))


def test_a_search_whose_largest_model_fits_is_taken():
    refuse(memory_gb=8.0)


def test_a_search_whose_largest_model_does_not_fit_is_refused_with_both_sizes():
    words = (
        r"space: its largest model has [\d,]+ parameters and takes about \d+ GB .* has 8: narrow"
    )
    with pytest.raises(SearchInvalid, match=words):
        refuse("space.encoder_hidden={int: [8, 20000]}", memory_gb=8.0)


def test_trials_on_a_gpu_are_left_to_run():
    refuse("space.encoder_hidden={int: [8, 20000]}", "resources.gpu=1", memory_gb=8.0)


def test_a_constraint_on_memory_keeps_the_largest_model_within_it():
    refuse(
        "space.encoder_hidden={int: [8, 20000], log: true}",
        'constraints=["memory_gb <= 8"]',
        memory_gb=8.0,
    )


def test_constraints_on_cost_that_no_model_keeps_are_refused():
    words = r"constraints\[0\]: no point of 100 that were drawn keeps all constraints: loosen it"
    with pytest.raises(SearchInvalid, match=words):
        refuse('constraints=["params < 1000"]', memory_gb=8.0)
