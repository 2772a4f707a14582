import pytest

from tuner.errors import SearchInvalid
from tuner.estimate.fit import refuse_too_large
from tuner.search.loading import load_search
from tuner.search.machine import Machine


def refuse(*overrides, memory_gb):
    search = load_search("grammar_vae/quickstart", overrides)
    refuse_too_large(None, search=search, machine=Machine(cpu=2, gpu=0, memory_gb=memory_gb))


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
