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
