"""Blocks that cannot work together are refused with the reason, each key by name."""

import pytest

from tuner.errors import SearchInvalid

BOTH = "objective=[{metric: val/score}, {metric: val/cost}]"
CHOICE = "space={fail: {choice: ['no', nan]}, lr: {uniform: [0.1, 1.0]}, peak: {int: [0, 3]}}"
WHEN = (
    "space={lr: {uniform: [0.1, 1.0]}, fail: {choice: ['no', nan]},"
    " peak: {int: [0, 3], when: {fail: nan}}}"
)
TWO = "space={lr: {uniform: [0.1, 1.0]}, peak: {int: [0, 3]}}"


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        (["searcher.sampler=grid"], ["is grid, and space.lr has no steps: give it a `step`"]),
        (["searcher.sampler=cmaes", CHOICE], ["and space.fail is a choice without an order: take"]),
        (
            ["searcher.sampler=cmaes", WHEN, BOTH],
            [
                "to one objective, and there are 2: take nsga2, tpe or gp",
                "space.fail is a choice without an order",
                "space.peak is there at some points only",
            ],
        ),
        (["searcher.sampler=cmaes"], ["of two keys or more, and one is searched: take gp or tpe"]),
        (
            ["scheduler={name: median, max_epochs: 9}", BOTH],
            ["is median, which compares whole curves of one objective, and there are 2: take fifo"],
        ),
    ],
)
def test_what_cannot_work_is_refused(make_search, changes, messages):
    with pytest.raises(SearchInvalid) as caught:
        make_search(*changes)
    assert len(caught.value.mistakes) == len(messages)
    for mistake, message in zip(caught.value.mistakes, messages, strict=True):
        assert message in str(mistake)


@pytest.mark.parametrize("searcher", [None, "{name: optuna}", "{name: random}"])
@pytest.mark.parametrize("name", ["asha", "hyperband", "median", "pbt", "fifo"])
@pytest.mark.parametrize("epochs", [2, 3, 5, 6, 27])
def test_a_default_sampler_goes_with_every_scheduler(make_search, searcher, name, epochs):
    given = [] if searcher is None else [f"searcher={searcher}"]
    scheduler = f"scheduler={{name: {name}, max_epochs: {epochs}}}"
    search = make_search("searcher=null", *given, scheduler, "budget.num_trials=8")
    is_random = name == "pbt" or "random" in str(searcher)
    assert search.searcher.sampler == ("random" if is_random else "tpe")
    assert search.scheduler.name == name
    assert not search.scheduler.rungs or search.scheduler.rungs[0] < epochs


@pytest.mark.parametrize("sampler", ["tpe", "gp", "nsga2", "cmaes", "grid"])
def test_a_sampler_that_was_written_is_refused_beside_a_population(make_search, sampler):
    changes = [f"searcher.sampler={sampler}", "scheduler={name: pbt, max_epochs: 9}"]
    with pytest.raises(SearchInvalid, match=f"and searcher.sampler is {sampler}: take random or"):
        make_search(*changes, TWO, "budget.num_trials=8")


def test_trials_of_one_epoch_are_compared_with_none_unless_that_is_asked_for(make_search):
    assert make_search("scheduler={max_epochs: 1}").scheduler.name == "fifo"
    for asked in ("name: asha", "grace_epochs: 1"):
        with pytest.raises(SearchInvalid, match=r"must be below max_epochs .1., or no trial is"):
            make_search(f"scheduler={{max_epochs: 1, {asked}}}")


def test_the_interval_of_a_population_that_was_written_stands(make_search):
    changes = ("scheduler={name: pbt, max_epochs: 4, interval_epochs: 3}", "budget.num_trials=8")
    assert make_search(*changes).scheduler.rungs == (3.0,)
    with pytest.raises(SearchInvalid, match=r"interval_epochs .5. must be below max_epochs .4."):
        make_search("scheduler={name: pbt, max_epochs: 4, interval_epochs: 5}")


@pytest.mark.parametrize(
    "changes",
    [
        ["searcher.sampler=cmaes", TWO],
        ["searcher.sampler=gp", BOTH],
        ["searcher.sampler=nsga2", BOTH, CHOICE],
        ["searcher.sampler=qmc", WHEN],
        ["searcher.sampler=tpe", BOTH, WHEN],
        ["scheduler={name: median, max_epochs: 9}"],
        ["scheduler={name: hyperband, max_epochs: 9}", BOTH],
    ],
)
def test_what_works_is_taken_without_advice(make_search, changes):
    assert make_search(*changes).advice == []


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        (["searcher.sampler=gp", WHEN], "sampler gp draws peak at random, which some points do"),
        (["searcher.sampler=nsga2", WHEN], "sampler nsga2 draws peak at random"),
        (
            ["searcher.sampler=grid", "space={peak: {int: [0, 3]}, fail: {choice: ['no', nan]}}"],
            "the grid has more points than budget.num_trials (4), and they are tried in",
        ),
    ],
)
def test_what_another_sampler_does_better_is_advised(make_search, changes, advice):
    (line,) = make_search(*changes).advice
    assert advice in line


def test_a_grid_that_is_tried_whole_comes_without_advice(make_search):
    search = make_search("searcher.sampler=grid", "space={peak: {int: [0, 3]}}")
    assert search.advice == [] and search.num_trials == 4
