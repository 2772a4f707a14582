import math

import pytest

from tuner.record.confirmations import Confirmation, Confirmed, Difference, write_confirmations
from tuner.record.promotions import PromotedTrial, record_promotions
from tuner.report.confirmed import confirmed_section, luck, mean

DIFFERENCE = Difference(mean=0.2, low=0.1, high=0.3, level=0.95)


def confirmed(mode="max"):
    baseline = Confirmed(name="plain", values={"11": 0.5, "12": 0.7}, failures={})
    winner = Confirmed(
        number=7, name="trial 7", values={"11": 0.8, "12": 0.8}, failures={}, leaderboard=0.9,
        difference=DIFFERENCE, wins=True, preset="first-1", changes="lr 0.5 -> 0.7",
        further={"val/cost": DIFFERENCE},
    )  # fmt: skip
    lost = Confirmed(
        number=3, name="trial 3", values={"11": 0.6}, failures={"12": "nan"}, leaderboard=0.8
    )
    return Confirmation(
        id="c1", metric="val/score", mode=mode, seeds=(11, 12), epochs=4, hours=0.5, gpu_hours=0.25,
        baseline=baseline, candidates=(winner, lost), ended=1e9,
    )  # fmt: skip


@pytest.mark.parametrize(("mode", "expected"), [("max", [0.1, 0.2]), ("min", [-0.1, -0.2])])
def test_luck_is_what_the_leaderboard_promised_too_much(mode, expected):
    assert luck(confirmed(mode)) == pytest.approx(expected)
    assert math.isnan(mean({}))


def test_a_confirmation_is_told_in_words_table_and_figure(hand_made):
    run = hand_made()
    run.trial([0.9])
    write_confirmations(run.paths, [confirmed()])
    section = confirmed_section(run.material)
    assert section.words[0] == (
        "Better than plain on fresh seeds: trial 7 by +0.2000 (95 % interval +0.1000 to +0.3000) "
        "in val/score and by +0.2000 (95 % interval +0.1000 to +0.3000) in val/cost."
    )
    assert "0.1500 better than they are on fresh seeds" in section.words[1]
    table, changes = section.tables
    assert changes.rows == (("trial 7", "lr 0.5 -> 0.7"),)
    assert table.rows == (
        ("plain", "-", "0.6000", "2/2", "-", "-", "the preset to beat"),
        (
            "trial 7",
            "0.9000",
            "0.8000",
            "2/2",
            "0.2000",
            "0.1000 to 0.3000",
            "wins, preset first-1; val/cost better by 0.2000 (0.1000 to 0.3000)",
        ),
        ("trial 3", "0.8000", "0.6000", "1/2", "-", "-", "does not win; failed: seed 12: nan"),
    )
    assert table.note == "Up to 4 epochs each, 30 min 00 s of training, 0.2500 GPU-hours."
    assert len(section.figures[0].data["confirmed_0"]["value"]) == 7


def test_presets_stand_as_yaml_and_those_that_are_gone_are_named(hand_made, tmp_path):
    run = hand_made()
    run.trial([0.9])
    file = tmp_path / "first-1.yaml"
    file.write_text("mine: {lr: 0.1}  # of another day\nfirst-1: {lr: 0.5, epochs: 3}\n")
    for name, place, sure in (("first-1", file, True), ("first-2", tmp_path / "gone.yaml", False)):
        one = PromotedTrial(trial="t0", number=0, preset=name, file=str(place),
                            metric="val/score", value=0.9, epoch=1, confirmed=sure)  # fmt: skip
        record_promotions(run.paths, [one])
    section = confirmed_section(run.material)
    (code,) = section.codes
    assert code.text == "first-1:\n  lr: 0.5\n  epochs: 3\n"
    assert code.title.startswith("first-1 (confirmed): trial 0, val/score 0.9000")
    assert (
        section.missing[1]
        == f"The preset first-2 (not confirmed) is no longer in {tmp_path / 'gone.yaml'}."
    )


def test_what_was_not_done_is_said_with_the_command(hand_made):
    run = hand_made()
    run.trial([0.9])
    missing = confirmed_section(run.material).missing
    assert "`tuner promote first --top 3`" in missing[0]
    assert missing[1] == "No preset has been made of this run."


def test_a_damaged_record_does_not_keep_the_report(hand_made):
    run = hand_made()
    run.trial([0.9])
    run.paths.confirmation_file.write_text("{")
    (problem,) = run.material.problems
    assert "not the record of confirmations" in problem
