from dataclasses import replace

import pytest

from tuner.commands.confirmation_table import (
    difference_words,
    spread_words,
    summary_lines,
    verdict_words,
)
from tuner.record.confirmations import Confirmation, Confirmed, Difference

NOISE = Difference(mean=0.01, low=-0.02, high=0.04, level=0.95)
ONE = Confirmed(
    number=1,
    name="trial 1",
    values={"7": 0.5, "8": 0.7},
    failures={},
    leaderboard=0.8,
    difference=NOISE,
)
BASELINE = Confirmed(name="plain", values={"7": 0.5, "8": 0.6}, failures={})
RESULT = Confirmation(
    id="1x2-0",
    metric="val/score",
    mode="max",
    seeds=(7, 8),
    epochs=4,
    hours=0.1,
    gpu_hours=0.0,
    baseline=BASELINE,
    candidates=(ONE,),
    ended=0.0,
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"wins": True}, "wins"),
        ({}, "within noise"),
        ({"difference": replace(NOISE, low=-0.3, high=-0.1)}, "worse"),
        ({"difference": replace(NOISE, mean=0.0, low=0.0, high=0.0)}, "equal on every seed"),
        ({"difference": None, "failures": {"8": "lost"}}, "fewer than two seeds to compare"),
        ({"failures": {"7": "nan", "8": "oom"}}, "failed on 2 of 2 seeds (nan, oom)"),
        ({"further": {"val/cost": replace(NOISE, low=-2.0, high=-1.0)}}, "worse"),
    ],
)
def test_verdicts(changes, said):
    assert verdict_words(replace(ONE, **changes), RESULT) == said


def test_numbers():
    assert spread_words(ONE) == "0.6000 +- 0.1414 (2)"
    assert spread_words(replace(ONE, values={"7": 0.5})) == "0.5000 (1)"
    assert spread_words(replace(ONE, values={})) == "-"
    assert difference_words(NOISE) == "+0.0100 [-0.0200, +0.0400]"
    assert difference_words(None) == "-"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {},
            "no candidate beats plain on these 2 seeds; the nearest is trial 1, "
            "+0.0100 [-0.0200, +0.0400]",
        ),
        ({"candidates": (replace(ONE, wins=True),)}, "trial 1 beats plain"),
        (
            {"candidates": (replace(ONE, wins=True), replace(ONE, name="trial 2", wins=True))},
            "trial 1 and trial 2 beat plain",
        ),
        (
            {"baseline": replace(BASELINE, values={}, failures={"7": "nan", "8": "nan"})},
            "nothing can be compared: plain failed on every seed (nan): take another preset to "
            "beat with --against",
        ),
        (
            {"candidates": (replace(ONE, difference=None),)},
            "no candidate beats plain on these 2 seeds",
        ),
    ],
)
def test_what_it_comes_to(changes, said):
    assert summary_lines(replace(RESULT, **changes))[0] == said


def test_luck_either_way():
    assert summary_lines(RESULT)[1] == (
        "in the search the candidates were 0.2000 better on average than on fresh seeds: so much "
        "of the leaderboard was luck"
    )
    unlucky = replace(RESULT, candidates=(replace(ONE, leaderboard=0.5),))
    assert summary_lines(unlucky)[1] == (
        "the leaderboard was no luck: on fresh seeds the candidates are 0.1000 better on average "
        "than in the search"
    )
    alike = replace(RESULT, candidates=(replace(ONE, leaderboard=0.600001),))
    assert summary_lines(alike)[1] == (
        "the leaderboard was no luck: on fresh seeds the candidates are as good on average as in "
        "the search"
    )
    assert len(summary_lines(replace(RESULT, candidates=(replace(ONE, values={}),)))) == 1
