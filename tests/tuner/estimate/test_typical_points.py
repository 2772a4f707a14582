"""The points whose speed stands for a space's: like it, feasible, always the same."""

from dataclasses import replace
from statistics import mean, stdev

import pytest

from models.training.contracts import ModelCost
from tuner.estimate.typical_points import typical_configs
from tuner.search.loading import load_search


def describe(config, dataset=None):
    """A cost of which widths are all."""
    parameters = config.decoder_hidden**2
    return ModelCost(
        num_parameters=parameters, checkpoint_mb=1, memory_mb=parameters / 10, rows_per_epoch=1000
    )


@pytest.fixture
def search_of(monkeypatch):
    def load(*overrides, widths="{int: [16, 512]}", rules="[]"):
        space = f"space={{decoder_hidden: {widths}, lr: {{log_uniform: [1e-4, 1e-2]}}}}"
        changes = [space, f"constraints={rules}", *overrides]
        loaded = load_search("grammar_vae/beta_annealing", changes)
        fake = replace(loaded.spec, describe_cost=describe)
        monkeypatch.setattr("tuner.search.search.model_spec", lambda _: fake)
        return loaded

    return load


def epoch_s(configs):
    """What an epoch takes on average, where it is a part that is fixed and one that is square."""
    return mean(1 + (config.decoder_hidden / 128) ** 2 for config in configs)


def test_they_cost_what_the_space_does_on_average(search_of):
    searches = [search_of(f"searcher.seed={seed}") for seed in range(8)]
    found = [epoch_s(typical_configs(search, None, 6)) for search in searches]
    of_all = epoch_s(typical_configs(searches[0], None, 3000))
    assert mean(found) == pytest.approx(of_all, rel=0.1)
    assert stdev(found) < 0.15 * of_all  # six points by chance: 0.35


def test_they_are_the_same_every_time_and_differ(search_of):
    once, again = (typical_configs(search_of("searcher.seed=3"), None, 6) for _ in range(2))
    assert once == again
    assert len({config.decoder_hidden for config in once}) > 3


def test_they_keep_the_constraints(search_of):
    search = search_of("preset=minimal", rules='["params <= 10000"]')
    assert all(config.decoder_hidden <= 100 for config in typical_configs(search, None, 6))


def test_of_few_points_some_come_again(search_of):
    search = search_of(widths="{choice: [16, 32]}")
    widths = [config.decoder_hidden for config in typical_configs(search, None, 8)]
    assert set(widths) == {16, 32}
    assert 3 <= widths.count(16) <= 5  # half of the points of the space
