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
