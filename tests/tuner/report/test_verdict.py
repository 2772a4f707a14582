import dataclasses
import shutil

import pytest

from tuner.record.confirmations import Confirmation, Confirmed, Difference, write_confirmations
from tuner.record.paths import RunPaths
from tuner.report.material import read_material
from tuner.report.verdict import difference_words, progress_words, verdict


def candidate(number, mean, low, high, values=None, **keys):
    found = Difference(mean=mean, low=low, high=high, level=0.95)
    values = values or {"11": 0.9, "12": 0.8}
    return Confirmed(
        number=number, name=f"trial {number}", values=values, failures={}, difference=found,
        wins=low > 0, **keys,
    )  # fmt: skip


def confirmation(*candidates, mode="max"):
    baseline = Confirmed(name="plain", values={"11": 0.5, "12": 0.6}, failures={})
    return Confirmation(
        id="c1", metric="val/score", mode=mode, seeds=(11, 12), epochs=4, hours=0.5, gpu_hours=0.0,
        baseline=baseline, candidates=candidates, ended=1e9,
    )  # fmt: skip


def test_without_trials_or_values_nothing_can_be_said(hand_made):
    run = hand_made()
    assert verdict(run.material).sentence.startswith("This run has no trials yet")
    run.trial([float("nan")])
    run.trial([])
    found = verdict(run.material)
    assert found.kind == "open"
    assert found.sentence == (
        "None of 2 trials has a finite val/score yet, so nothing can be compared."
    )


def test_a_preset_that_was_not_trained_is_named_as_unknown(hand_made):
    run = hand_made()
    run.trial([0.2, 0.7, 0.6])
    found = verdict(run.material)
    assert found.kind == "open"
    assert found.sentence == (
        "Trial 0 reached val/score 0.7000 after epoch 2 (its last epoch had 0.6000); whether that "
        "beats plain is not known, as plain was not trained in this run."
    )
    assert "`tuner promote first --top 3`" in found.more[0]


@pytest.mark.parametrize(
    ("metric", "mode", "ours", "preset", "better"),
    [("val/score", "max", 0.9, 0.6, "0.3000"), ("val/cost", "min", 1.0, 1.5, "0.5000")],
)
def test_the_preset_among_the_trials_is_compared_with(
    hand_made, metric, mode, ours, preset, better
):
    run = hand_made(f"objective={{metric: {metric}, mode: {mode}}}")
    run.trial([{metric: preset}], params={"lr": 0.5})
    run.trial([{metric: ours}], params={"lr": 0.7})
    sentence = verdict(run.material).sentence
    assert f", {better} better than plain in this run" in sentence
    assert "not confirmed" in sentence


def test_a_preset_that_nothing_beats_is_said_to_be_so(hand_made):
    run = hand_made()
    run.trial([0.9], params={"lr": 0.5})
    run.trial([0.6], params={"lr": 0.7})
    assert verdict(run.material).sentence.startswith("No trial did better than plain itself")


def test_confirmed_winners_are_a_yes_with_their_interval(hand_made):
    run = hand_made()
    run.trial([0.9])
    won = [candidate(7, 0.3, 0.1, 0.5), candidate(3, 0.4, 0.2, 0.6), candidate(1, 0.1, -0.1, 0.3)]
    write_confirmations(run.paths, [confirmation(*won)])
    found = verdict(run.material)
    assert found.kind == "yes"
    assert found.sentence == (
        "Yes: trial 3 is better than plain, by +0.4000 (95 % interval +0.2000 to +0.6000), on 2 "
        "fresh seeds; so is one more."
    )


def test_no_winner_is_a_no_and_the_latest_confirmation_counts(hand_made):
    run = hand_made()
    run.trial([0.9])
    earlier = confirmation(candidate(7, 0.3, 0.1, 0.5))
    write_confirmations(run.paths, [earlier, confirmation(candidate(7, 0.1, -0.1, 0.3))])
    found = verdict(run.material)
    assert found.kind == "no"
    assert (
        "no trial is surely better than plain; the nearest is trial 7, by +0.1000" in found.sentence
    )


def test_a_win_by_another_metric_names_it_and_does_not_hide_the_objective(hand_made):
    run = hand_made()
    run.trial([0.9])
    none = confirmation(candidate(7, 0.00014, -0.00016, 0.00044))
    other = dataclasses.replace(confirmation(candidate(3, 0.4, 0.2, 0.6)), metric="val/cost")
    write_confirmations(run.paths, [none, other])
    found = verdict(run.material)
    assert found.kind == "yes"
    assert found.sentence.startswith("Yes: trial 3 is better than plain in val/cost, by +0.4000")
    assert found.more[0] == (
        "No: trained again on 2 fresh seeds, no trial is surely better than plain in val/score; "
        "the nearest is trial 7, by +0.00014 (95 % interval -0.00016 to +0.00044)."
    )


def test_a_confirmation_that_measured_nothing_leaves_it_open(hand_made):
    run = hand_made()
    run.trial([0.9])
    lost = Confirmed(number=7, name="trial 7", values={}, failures={"11": "nan", "12": "oom"})
    write_confirmations(run.paths, [confirmation(lost)])
    assert verdict(run.material).kind == "open"


def test_the_run_of_a_confirmation_sends_to_the_search(hand_made, tmp_path):
    run = hand_made()
    run.trial([0.9])
    again = RunPaths(shutil.copytree(run.paths.folder, run.paths.confirmations / "3x2-abc"))
    found = verdict(read_material(again))
    assert found.sentence.startswith("This run trains trials of first again on fresh seeds")
    assert "`tuner report first`" in found.sentence


def test_the_run_of_a_verification_compares_no_seeds_of_one_preset(hand_made):
    run = hand_made()
    run.trial([0.9])
    of_preset = run.paths.folder.parent / "verify-good" / "confirmations" / "0x2-abc"
    found = verdict(read_material(RunPaths(shutil.copytree(run.paths.folder, of_preset))))
    preset = run.material.search.preset.name
    assert found.sentence.startswith(f"This run trains the preset {preset} again on fresh seeds")
    assert f"`tuner presets verify {preset}`" in found.sentence


def test_progress_counts_the_states(hand_made):
    run = hand_made()
    run.log.run("running")
    run.trial([0.9])
    run.trial([0.9], state=None)
    run.trial([0.9], state="failed", cause="nan")
    assert progress_words(run.material) == "The run is running: 1 running, 1 done and 1 failed."


def test_a_winner_by_several_objectives_is_told_first_by_the_one_that_it_won():
    cost = Difference(mean=36.6, low=26.8, high=46.4, level=0.95)
    one = candidate(3, -0.0003, -0.0011, 0.0005, further={"val/cost": cost})
    assert difference_words(one, "val/score") == (
        "by +36.6000 (95 % interval +26.8000 to +46.4000) in val/cost and "
        "by -0.0003 (95 % interval -0.0011 to +0.0005) in val/score, which may be none"
    )
    assert difference_words(candidate(3, -0.0003, -0.0011, 0.0005)).endswith("to +0.0005)")


def test_a_difference_that_is_the_same_on_every_seed_has_no_interval():
    size = Difference(mean=3_709_328.0, low=3_709_328.0, high=3_709_328.0, level=0.95)
    one = candidate(3, 0.0011, -0.0002, 0.0024, further={"params": size})
    assert difference_words(one, "val/score") == (
        "by +3,709,328 on every seed in params and by +0.0011 (95 % interval -0.0002 to +0.0024) "
        "in val/score, which may be none"
    )
