from tuner.record.outcomes import REMEDIES
from tuner.report.failures import apart, failures_section


def test_failures_are_told_by_cause_with_the_remedy(hand_made):
    run = hand_made()
    run.trial([0.5])
    run.trial([0.5], state="failed", cause="oom", message="CUDA out of memory", where="a.py:3")
    run.trial([], state="failed", cause="nan", message="the loss is nan")
    run.trial([], state="failed", cause="nan", message="the loss is inf")
    run.trial([], state="interrupted", cause="disk", message="no space left")
    run.trial([], state="failed", cause="strange")
    section = failures_section(run.material)
    assert section.words == (
        "5 trials of 6 failed: 2 by nan, 1 by disk, 1 by oom and 1 by strange.",
    )
    rows = {row[0]: row[1:] for row in section.tables[0].rows}
    assert rows["nan"] == ("2", "2 and 3", "the loss is nan", REMEDIES["nan"])
    assert rows["oom"] == ("1", "1", "CUDA out of memory (a.py:3)", REMEDIES["oom"])
    assert rows["strange"] == ("1", "5", "", "")


def test_what_failed_trials_have_in_common_is_told(hand_made):
    run = hand_made()
    for number in range(20):
        high = number < 4
        lr = 0.9 + number / 100 if high else 0.1 + number / 40
        run.trial([0.5], params={"lr": lr}, state="failed" if high else "done",
                  cause="nan" if high else "epochs")  # fmt: skip
    said = failures_section(run.material).words[1]
    assert said == (
        "All that failed by nan had lr at or above 0.9, where hardly any other trial was."
    )


def test_two_failures_and_scattered_ones_have_nothing_in_common(hand_made):
    run = hand_made()
    rows = []
    for number in range(20):
        run.trial([0.5], params={"lr": 0.1 + number / 25})
    rows = run.material.run.rows
    assert apart(rows[-2:], rows[:-2]) == []
    assert apart([rows[0], rows[10], rows[19]], rows[1:10]) == []
    assert [one.higher for one in apart(rows[:3], rows[3:])] == [False]


def test_a_run_without_failures_says_so(hand_made):
    run = hand_made()
    run.trial([0.5])
    assert failures_section(run.material).words == ("No trial failed.",)
