"""What a confirmation trains: listed points, which a run's own copy of the search keeps."""

from dataclasses import replace

import pytest

from models.config_file import to_mapping
from models.errors import UserError
from tuner.promotion.confirmation_plan import (
    Plan,
    confirmation_search,
    fresh_seeds,
    seeds_of,
    training_key,
)
from tuner.promotion.contenders import Contender, to_beat
from tuner.record.paths import RunPaths
from tuner.record.search_copy import read_search, write_search
from tuner.search.loading import load_search
from tuner.search.space_points import count_points


@pytest.fixture
def plan():
    """Two settings that no space without conditions could hold: lists beside a number."""
    search = load_search("grammar_vae/quickstart")
    candidates = [
        {"encoder_conv_layers": 1, "encoder_kernel": [5], "decoder_position": True},
        {"encoder_conv_layers": 3, "encoder_kernel": [3, 7, 5], "beta": 0.0192, "z_dim": 40},
    ]
    return Plan(
        search=search,
        baseline=to_beat(search),
        candidates=tuple(
            Contender(name=f"trial {number}", config=search.config_for(params))
            for number, params in enumerate(candidates)
        ),
        seeds=(111_111, 222_222),
    )


def content(search):
    """Return all of a search but where its presets stand."""
    starts = [(one.preset.name, one.preset.config, one.values) for one in search.warm_starts]
    return search.to_mapping(), search.base_config, search.space, starts


def test_every_training_is_a_trial_of_its_own_settings(plan, tmp_path):
    search = confirmation_search(plan, plan.trainings, "confirmation x")
    assert search.num_trials == 6
    assert search.trial_names[:3] == (
        "minimal, seed 111111",
        "trial 0, seed 111111",
        "trial 1, seed 111111",
    )
    for start, training in zip(search.warm_starts, plan.trainings, strict=True):
        config = search.config_for(start.values)
        assert config == start.preset.config == training.config
        before = replace(training.contender.config, seed=config.seed, save_top_k=1, description="")
        assert config == before
    paths = RunPaths(tmp_path)
    write_search(search, paths)
    assert content(read_search(paths)) == content(search)


def test_what_is_left_has_the_points_that_are_left(plan, tmp_path):
    (left,) = wanted = [one for one in plan.trainings if one.seed == 222_222][1:2]
    search = confirmation_search(plan, wanted, "confirmation x")
    assert (search.num_trials, len(search.warm_starts)) == (1, 1)
    assert search.config_for(search.warm_starts[0].values) == left.config
    write_search(search, RunPaths(tmp_path))
    assert content(read_search(RunPaths(tmp_path))) == content(search)


def test_a_confirmation_stops_nobody_and_keeps_conditions(plan):
    search = confirmation_search(plan, plan.trainings, "")
    assert search.scheduler.name == "fifo"
    assert search.scheduler.max_epochs == plan.search.scheduler.max_epochs
    assert (search.data, search.resources) == (plan.search.data, plan.search.resources)
    assert search.budget.hours is None
    assert count_points(search.space, 10**6) >= 6


def test_equal_plans_have_equal_names_and_others_have_others(plan):
    assert plan.id == replace(plan).id
    assert plan.id.startswith("2x2-")
    others = [
        replace(plan, seeds=(111_111, 333_333)),
        replace(plan, candidates=plan.candidates[::-1]),
        replace(plan, search=load_search("grammar_vae/quickstart", ["data.num_rows=400"])),
        replace(plan, search=load_search("grammar_vae/quickstart", ["resources.cpu=2"])),
    ]
    assert len({plan.id, *(other.id for other in others)}) == 5


def test_settings_that_change_nothing_make_no_other_training(plan):
    config = plan.baseline.config
    assert training_key(config) == training_key(replace(config, save_top_k=7, description="x"))
    assert training_key(config) != training_key(replace(config, seed=1))
    assert to_mapping(config)["epochs"] == plan.search.scheduler.max_epochs


def test_fresh_seeds_are_the_same_again_and_never_used_before():
    seeds = fresh_seeds("a run", 5, used={1})
    assert fresh_seeds("a run", 3, used={1}) == seeds[:3]
    assert len(set(seeds)) == 5
    assert all(100_000 <= seed < 1_000_000 for seed in seeds)
    assert fresh_seeds("a run", 4, used={seeds[1]}) == (seeds[0], *seeds[2:])
    assert fresh_seeds("another", 3, used=()) != seeds[:3]
    with pytest.raises(UserError, match="an interval needs 2 or more"):
        fresh_seeds("a run", 1, used=())


def test_all_seeds_of_a_search_are_used():
    search = load_search("grammar_vae/quickstart", ["searcher.seed=7"])
    assert seeds_of(search) == {7, 42}
