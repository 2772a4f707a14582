"""The seed of a search that was given none."""

from tuner.record.paths import RunPaths
from tuner.record.search_copy import read_search, write_search

NO_SEED = "searcher={sampler: random}"


def test_equal_searches_have_equal_seeds(make_search):
    assert make_search(NO_SEED).seed == make_search(NO_SEED, "budget.num_trials=9").seed


def test_a_search_around_another_preset_draws_other_points(make_search):
    seeds = {
        make_search(NO_SEED, change).seed
        for change in (
            "preset=plain",
            "preset=quick",
            "searcher.warm_start=[quick]",
            "data.num_rows=9",
            "fixed={peak: 3}",
            "space.lr={uniform: [0.1, 0.9]}",
        )
    }
    assert len(seeds) == 6


def test_a_seed_that_is_given_is_taken(make_search):
    assert make_search("searcher.seed=0").seed == 0
    assert make_search("preset=quick", "searcher.seed=0").seed == 0


def test_a_run_keeps_its_seed(make_search, tmp_path):
    search = make_search(NO_SEED)
    paths = RunPaths(tmp_path / "run")
    write_search(search, paths)
    assert read_search(paths).searcher == search.searcher
    assert f"seed: {search.seed}" in paths.search_file.read_text()
