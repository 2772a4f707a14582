import pytest

from tuner.report.curves import curves_section


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([number / 20 for number in range(20)], "still improving near its end (best epoch 20"),
        ([0.1, *[0.9998] * 18, 1.0], "had its best epoch at 20 of 20 trained."),
    ],
)
def test_more_epochs_are_advised_after_late_gains_and_not_after_late_ties(hand_made, values, said):
    run = hand_made("scheduler={name: fifo, max_epochs: 20}")
    run.trial(values)
    assert said in curves_section(run.material).words[0]


def test_what_stopped_trials_is_told_apart(hand_made):
    run = hand_made("scheduler={name: asha, max_epochs: 9, grace_epochs: 3}")
    run.trial([0.1] * 9)
    for cause in ("rung 1", "rung 1", "rung 2", "budget"):
        run.trial([0.1] * 3, state="stopped", cause=cause)
    assert curves_section(run.material).words[1] == (
        "4 trials of 5 were stopped early: 2 at rung 1, 1 at rung 2 and 1 when the budget was "
        "spent."
    )
