import pytest

from models.errors import UserError
from models.grammar_vae.spec import GRAMMAR_VAE
from tuner.search.loading import load_search


@pytest.fixture
def search():
    return load_search("grammar_vae/beta_annealing")


def test_search_knows_its_name_and_model(search):
    assert (search.stem, search.spec) == ("beta_annealing", GRAMMAR_VAE)


def test_settings_at_a_point_are_those_of_the_preset_elsewhere(search):
    config = search.config_for({"encoder_conv_layers": 2, "encoder_kernel": [3, 5], "beta": 0.25})
    assert (config.encoder_kernel, config.beta) == ((3, 5), 0.25)
    assert config.z_dim == search.preset.config.z_dim
    assert config.epochs == search.scheduler.max_epochs


def test_impossible_point_is_refused(search):
    with pytest.raises(UserError, match="encoder_kernel has 2 numbers"):
        search.config_for({"encoder_kernel": [3, 5]})


def test_search_is_written_with_every_default(search):
    content = search.to_mapping()
    assert content["fixed"] == {}
    assert content["objective"] == {"metric": "val/seq_acc", "mode": "max"}
    assert content["scheduler"]["name"] == "asha"
    assert content["resources"] == {"cpu": 1.0, "gpu": 0.25}


def test_fifo_is_written_without_rungs():
    search = load_search(
        "grammar_vae/quickstart", ["scheduler={name: fifo, max_epochs: 3}", "searcher.seed=4"]
    )
    assert search.to_mapping()["scheduler"] == {
        "name": "fifo",
        "max_epochs": 3,
        "trial_timeout": None,
        "val_rows": None,
    }
    assert search.to_mapping()["searcher"]["seed"] == 4
