import math
import subprocess
import sys

import pytest

from tuner.report.rungs import agreements, judgement, rungs_section, stopping_line
from tuner.search.blocks import SchedulerConfig

ASHA = "scheduler={name: asha, max_epochs: 4, grace_epochs: 2, reduction_factor: 3}"


def test_a_perfect_order_at_the_rung_is_safe(hand_made):
    run = hand_made(ASHA)
    for number in range(20):
        run.trial([0.0, number / 20, 0.1, 0.2 + number / 10])
    run.trial([0.9, 0.9], state="stopped", cause="rung 1")  # which nobody knows the end of
    (found,) = agreements(run.material)
    assert (found.rung, len(found.numbers), found.winner_rank) == (2, 20, 1)
    assert found.tau.value == found.rho == pytest.approx(1.0)
    assert judgement(found, selected=True).endswith("stopping there looks safe.")
    words = rungs_section(run.material).words
    assert words[1].startswith("The 1 trial that was stopped are missing")


def test_a_reversed_order_is_a_draw_of_lots_unless_trials_were_picked(hand_made):
    run = hand_made(ASHA)
    for number in range(20):
        run.trial([0.0, 0.3 - number / 100, 0.1, 0.3 + number])
    (found,) = agreements(run.material)
    assert found.tau.value == pytest.approx(-1.0)
    assert found.winner_rank == 20
    assert "stopping there would be a draw of lots" in judgement(found, selected=False)
    assert "among those that were kept" in judgement(found, selected=True)


def test_equal_ends_leave_nothing_to_judge_a_rung_by(hand_made):
    run = hand_made(ASHA)
    for number in range(8):
        run.trial([0.0, number / 100, 0.1, 1.0])
    (found,) = agreements(run.material)
    assert judgement(found, selected=True) == (
        "At epoch 2 nothing can be told: all 8 trials ended with the same value, 1.0000, so no "
        "order is the right one."
    )


def test_values_are_the_best_so_far_and_infinities_do_not_count(hand_made):
    run = hand_made(ASHA)
    run.trial([0.4, math.nan, 0.1, 0.5])
    run.trial([math.inf, 0.3, 0.1, 0.2])
    run.trial([math.nan, math.nan, 0.3, 0.9])  # nothing to judge by at the rung
    (found,) = agreements(run.material)
    assert found.at_rung == (0.4, 0.3)
    assert found.at_end == (0.5, 0.3)


def test_less_can_be_better(hand_made):
    run = hand_made(ASHA, "objective={metric: val/cost, mode: min}")
    run.trial([{"val/cost": v} for v in (3.0, 2.0, 5.0, 1.0)])
    run.trial([{"val/cost": v} for v in (9.0, 8.0, 5.0, 6.0)])
    (found,) = agreements(run.material)
    assert (found.at_rung, found.at_end) == ((2.0, 8.0), (1.0, 5.0))
    assert found.winner_rank == 1


def test_few_trials_are_too_few_to_tell(hand_made):
    run = hand_made(ASHA)
    run.trial([0.1, 0.2, 0.3, 0.4])
    assert rungs_section(run.material).missing[0].startswith("It takes two trials")
    run.trial([0.2, 0.3, 0.4, 0.5])
    (found,) = agreements(run.material)
    assert judgement(found, selected=False).endswith("too few to tell.")


def test_ten_equal_trials_are_a_draw_of_lots(hand_made):
    run = hand_made(ASHA)
    for number in range(10):
        run.trial([0.0, 0.0, 0.1, number])
    (found,) = agreements(run.material)
    assert "all 10 trials were equal" in judgement(found, selected=False)


def test_a_search_that_stops_nobody_is_judged_at_the_rungs_of_asha(hand_made):
    run = hand_made("scheduler={name: fifo, max_epochs: 18}")
    for number in range(8):
        run.trial([number * epoch for epoch in range(18)])
    assert [found.rung for found in agreements(run.material)] == list(
        SchedulerConfig(max_epochs=18, grace_epochs=2).rungs
    )
    assert "asha would have" in rungs_section(run.material).words[-1]


def test_equal_values_at_a_rung_are_told_apart_as_the_scheduler_does(hand_made):
    run = hand_made(ASHA)
    early = run.material.search.rung_ranking.secondary
    better = 1 if run.material.search.rung_ranking.secondary_mode == "max" else -1
    for number in range(8):
        at_rung = {"val/score": 0.0, early: better * number}
        run.trial([at_rung, at_rung, {"val/score": number / 8, early: 0.0}])
    (found,) = agreements(run.material)
    assert found.tau.value == pytest.approx(1.0)


def test_a_line_says_how_safe_stopping_was_or_that_nobody_can_tell(hand_made):
    run = hand_made(ASHA)
    assert stopping_line(run.material) is None
    run.trial([0.1, 0.1], state="stopped", cause="rung 2")
    assert stopping_line(run.material) == (
        "early stopping: too few trials trained to their end to say whether it was safe"
    )
    for number in range(20):
        run.trial([0.0, number / 20, 0.1, 0.2 + number / 10])
    line = stopping_line(run.material)
    assert line == (
        "early stopping: at epoch 2 the order agreed with the end by Kendall's tau 1.00 "
        "(1.00 to 1.00, 20 trials): stopping there looks safe."
    )


def test_the_line_of_tuner_show_waits_for_no_drawing():
    code = "import sys, tuner.report.rungs, tuner.report.material; print('altair' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
