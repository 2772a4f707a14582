"""Confirmations as a user sees them: trained through Ray, recorded, promoted."""

import json
from dataclasses import replace

import pytest

from models.presets import find_preset
from models.registry import model_spec
from tuner.cli import main
from tuner.commands.confirm import guessed_words
from tuner.commands.confirmation_table import summary_lines
from tuner.estimate.confirmation import confirmation_cost
from tuner.record.confirmations import read_confirmations, write_confirmations
from tuner.record.environment import render
from tuner.record.events import EventLog, TrialEnded, read_events
from tuner.record.paths import find_run
from tuner.record.results import read_run
from tuner.record.search_copy import read_search

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_instance")]


def promote(capsys, *flags):
    capsys.readouterr()
    code = main(["promote", "first", *flags])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def searched(new_run):
    """A run whose best two trials are better than the preset, and not by luck alone."""

    def make(*overrides, trials=((0.9, "a"), (0.8, "b"), (0.5, "c")), search=None):
        run = new_run("first", search)
        for lr, name in trials:
            run.trial(name, [lr, 2 * lr, 3 * lr, 4 * lr + 0.1], params={"lr": lr})
        run.end("finished")
        data = {"digest": "d1", "settings": {"num_rows": 8, "seed": 0}}
        run.paths.environment_file.write_text(render({"data": data}))
        return run

    return make


def test_winners_prove_themselves_and_become_presets(searched, capsys, make_search, presets):
    search = make_search("fixed.noise=0.4")
    run = searched(search=search)
    code, out, err = promote(capsys, "--top", "3", "--confirm_seeds", "3")
    assert code == 0, err
    assert "3 settings x 3 seeds (" in out
    assert ") = 9 trainings of at most 4 epochs; at most 36 epochs to train" in out
    assert "trial 2 has the settings of plain, which count once" in out
    (confirmation,) = read_confirmations(run.paths)
    assert [one.name for one in confirmation.candidates] == ["trial 0", "trial 1"]
    assert [one.preset for one in confirmation.candidates] == ["first-1", "first-2"]
    seeds = [str(seed) for seed in confirmation.seeds]
    for one, lr in zip(confirmation.candidates, (0.9, 0.8), strict=True):
        assert list(one.values) == seeds
        # The seed's luck is in both, and in the difference no more.
        assert one.difference.mean == pytest.approx(4 * (lr - 0.5))
        assert one.difference.high - one.difference.low < 1e-9
    assert not {search.seed, 0} & set(confirmation.seeds)

    preset = find_preset(model_spec("fake"), "first-1")
    assert preset.config.description.startswith("lr 0.5 -> 0.9; val/score ")
    assert preset.config.description.endswith(" on 3 seeds")
    assert preset.config.seed == 0
    proof = preset.provenance["confirmation"]
    assert proof["values"] == dict(confirmation.candidates[0].values)
    assert proof["seeds"] == list(confirmation.seeds)
    assert "Confirmed on fresh seeds." in (presets / "first-1" / "README.md").read_text()

    inner = find_run(f"runs/first/confirmations/{confirmation.id}")
    assert read_run(inner).status == "finished"
    assert main(["show", str(inner.folder)]) == 0
    shown = capsys.readouterr().out
    assert all(f"trial 0, seed {seed}" in shown for seed in confirmation.seeds)
    assert main(["doctor", confirmation.id, "--check"]) == 0, capsys.readouterr().out
    assert main(["doctor", "first", "--check"]) in (0, 1)
    assert "not of this run" not in capsys.readouterr().out

    # Again: nothing is trained, nothing is made twice.
    code, out, _ = promote(capsys, "--top", "3", "--confirm_seeds", "3")
    assert code == 0
    assert "nothing is trained again" in out
    assert "trial 0 was promoted before, as first-1" in out
    assert len(read_confirmations(run.paths)) == 1

    # More seeds: the same ones first, and only the new one is trained.
    code, out, _ = promote(capsys, "--top", "3", "--confirm_seeds", "4")
    assert code == 0
    assert "9 of them are done, 3 are left" in out
    more = read_confirmations(run.paths)[1]
    assert more.seeds[:3] == confirmation.seeds
    assert len(more.candidates[0].values) == 4
    assert len(read_run(find_run(more.id)).rows) == 3
    # Fewer candidates: nothing is left to train.
    code, out, _ = promote(capsys, "--confirm_seeds", "4")
    assert (code, "all of them are done" in out) == (0, True)


def test_none_wins_and_it_is_said(searched, capsys, make_search, presets):
    run = searched(trials=((0.4, "a"), (0.3, "b")), search=make_search("fixed.noise=0.4"))
    code, out, _ = promote(capsys, "--top", "2", "--confirm_seeds", "2")
    assert code == 1
    assert "no candidate beats plain on these 2 seeds; the nearest is trial 0, -0.4000" in out
    assert "so much of the leaderboard was luck" in out
    assert not presets.exists()
    assert json.loads(run.paths.confirmation_file.read_text())["confirmations"]


def test_a_saturated_metric_is_named(capsys, make_search, new_run):
    run = new_run("first", make_search("space.peak={choice: [0, 4]}"))
    run.trial("a", [1.0, 2.0, 3.0, 4.0], params={"lr": 0.5, "peak": 4})
    run.end("finished")
    code, out, _ = promote(capsys, "--confirm_seeds", "2")
    assert code == 1
    assert "all are equal on every seed (2.0000 +- 0.0000 (2)), so val/score cannot" in out
    assert "were 2.0000 better on average than on fresh seeds" in out


def test_another_preset_to_beat(searched, capsys):
    searched(trials=((0.4, "a"), (0.3, "b")))
    code, out, err = promote(capsys, "--trial", "0", "--confirm_seeds", "2", "--against", "level")
    assert (code, "trial 0 has the settings of level, which count once" in err) == (2, True)
    code, out, _ = promote(capsys, "--trial", "0", "--confirm_seeds", "2", "--against", "quick")
    assert code == 0
    assert "trial 0 beats quick" in out
    preset = find_preset(model_spec("fake"), "first-1")
    assert preset.config.description == (
        "lr 0.25 -> 0.4; val/score 1.6000 +- 0.0000 against 1.0000 +- 0.0000 on 2 seeds"
    )


def test_a_setting_that_fails_does_not_win(capsys, make_search, new_run):
    search = make_search("space.fail={choice: ['no', nan]}", "fixed.noise=0.4")
    run = new_run("first", search)
    run.trial("a", [1.0, 2.0, 3.0, 3.6], params={"lr": 0.9, "fail": "nan"})
    run.trial("b", [1.0, 2.0, 3.0, 3.2], params={"lr": 0.8, "fail": "no"})
    run.end("finished")
    code, out, _ = promote(capsys, "--top", "2", "--confirm_seeds", "2")
    assert code == 0
    assert "failed on 2 of 2 seeds (nan)" in out
    (confirmation,) = read_confirmations(run.paths)
    assert [one.wins for one in confirmation.candidates] == [False, True]
    assert set(confirmation.candidates[0].failures.values()) == {"nan"}
    assert read_search(find_run(confirmation.id)).space.keys


def verify(capsys, *flags):
    capsys.readouterr()
    code = main(["presets", "verify", "first-1", *flags])
    out, err = capsys.readouterr()
    return code, out, err


def lose_workers(paths, trials):
    """Let the log of a run say that trials were lost after their first epoch."""
    events = [
        event
        for event in read_events(paths.events_file)
        if getattr(event, "trial", None) not in trials
        or not (isinstance(event, TrialEnded) or getattr(event, "epoch", 1) > 1)
    ]
    paths.events_file.unlink()
    with EventLog(paths.events_file) as log:
        for event in events[:-1]:
            log.append(event)
        for trial in trials:
            log.end(trial, "failed", "lost", "its worker died")
        log.append(events[-1])


def test_what_failed_by_no_fault_of_its_settings_is_trained_again(
    searched, capsys, make_search, presets
):
    run = searched(search=make_search("fixed.noise=0.4"), trials=((0.9, "a"), (0.8, "b")))
    flags = ["--top", "2", "--confirm_seeds", "2"]
    assert promote(capsys, *flags)[0] == 0
    (good,) = read_confirmations(run.paths)
    inner = find_run(good.id)
    names = [row.trial for row in read_run(inner).rows if row.number in (1, 4)]  # of trial 0
    lose_workers(inner, names)
    run.paths.confirmation_file.unlink()
    lost = replace(
        good.candidates[0], values={}, failures=dict.fromkeys(good.candidates[0].values, "lost")
    )
    bad = replace(good, candidates=(replace(lost, wins=False, difference=None), good.candidates[1]))
    write_confirmations(run.paths, [bad])
    assert "2 of the trainings failed by no fault of their settings: the same " in "".join(
        summary_lines(bad)
    )

    code, out, err = promote(capsys, *flags)
    assert code == 0, err
    assert "2 of its trainings failed by no fault of their settings (lost): what failed so" in out
    assert "4 of them are done, 2 are left" in out
    (again,) = read_confirmations(run.paths)
    assert again.candidates == good.candidates
    assert [row.num_starts for row in read_run(inner).rows] == [1, 2, 1, 1, 2, 1]
    code, out, _ = promote(capsys, *flags)
    assert (code, "nothing is trained again" in out) == (0, True)


def test_a_preset_is_verified_on_seeds_of_its_own(searched, capsys, presets):
    searched()
    assert promote(capsys, "--confirm_seeds", "2")[0] == 0
    code, out, err = verify(capsys, "--seeds", "2")
    assert code == 0, err
    assert "1 setting x 2 seeds (" in out
    assert "the number of first-1 holds" in out
    (own,) = (presets.parents[1] / "runs" / "verify-first-1" / "confirmations").iterdir()
    seeds = {start.preset.config.seed for start in read_search(find_run(own.name)).warm_starts}
    proof = find_preset(model_spec("fake"), "first-1").provenance["confirmation"]
    assert len(seeds) == 2
    assert not seeds & set(proof["seeds"])
    assert main(["promote", own.name]) == 2
    assert "verifies a preset: nothing can be promoted" in capsys.readouterr().err

    # Somebody has made it worse since.
    file = presets / "first-1.yaml"
    file.write_text(file.read_text().replace("  lr: 0.9\n", "  lr: 0.6\n"))
    code, out, _ = verify(capsys, "--seeds", "2")
    assert code == 1
    assert "does not hold: it is 1.2000 worse" in out
    file.write_text(
        file.read_text().replace("  fail: no\n", "  fail: nan\n").replace("'no'", "nan")
    )
    code, out, _ = verify(capsys, "--seeds", "2")
    assert (code, "does not hold: trainings failed (nan)" in out) == (1, True)


def test_only_promoted_presets_can_be_verified(fake_spec, capsys):
    assert main(["presets", "verify", "plain"]) == 2
    assert "has no provenance" in capsys.readouterr().err


def test_of_several_objectives_no_interval_may_lie_below_nought(new_run, make_search, capsys):
    """The cost is 1 / score, so more of one is less of the other: both get better together."""
    search = make_search("objective=[{metric: val/score}, {metric: val/cost}]", "fixed.noise=0.04")
    run = new_run("first", search)
    run.trial("a", [{"val/score": 3.6, "val/cost": 0.28}], params={"lr": 0.9})
    run.end("finished")
    code, out, _ = promote(capsys, "--confirm_seeds", "2")
    assert code == 0
    assert "difference of val/cost" in out
    (confirmation,) = read_confirmations(run.paths)
    (one,) = confirmation.candidates
    assert one.difference.low > 0
    assert one.further["val/cost"].mean == pytest.approx(1 / 2 - 1 / 3.6, abs=0.01)
    said = find_preset(model_spec("fake"), "first-1").config.description
    gain = one.further["val/cost"].mean
    assert said.endswith(f", val/cost {gain:.4f} better, on 2 seeds")


def test_a_trial_without_weights_takes_those_of_its_best_training(
    new_run, make_search, capsys, presets
):
    run = new_run("first", make_search("fixed.noise=0.4"))
    run.trial("a", [3.6], params={"lr": 0.9}, checkpoints=[])
    run.end("finished")
    assert promote(capsys, "--confirm_seeds", "3")[0] == 0
    (confirmation,) = read_confirmations(run.paths)
    values = confirmation.candidates[0].values
    best = max(values, key=values.get)
    preset = find_preset(model_spec("fake"), "first-1")
    assert preset.provenance["weights"] == f"seed {best} of the confirmation {confirmation.id}"
    (file,) = preset.checkpoints
    assert file.name == f"best-score-4-{values[best]:.4f}.ckpt"
    card = (presets / "first-1" / "README.md").read_text()
    assert f"- weights: seed {best} of the confirmation" in card
    assert main(["doctor", "first", "--check"]) == 1  # FakeRun writes no study
    assert "first-1" not in capsys.readouterr().out


def test_other_data_are_refused(searched, capsys):
    run = searched()
    run.paths.environment_file.write_text(render({"data": {"digest": "of other rows"}}))
    code, _, err = promote(capsys, "--confirm_seeds", "2")
    assert code == 2
    assert "the data are others (digest d1) than those" in err
    assert read_confirmations(run.paths) == []


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--confirm_seeds", "1"], "an interval needs 2 or more"),
        (["--top", "0"], "--top is 0"),
        (["--against", "plian"], "Did you mean 'plain'"),
        (["--name", "plain"], "exists already"),
        (["--name", "a/b"], "cannot be used"),
        (["--into", "mine.yaml"], "would not be found"),
        (["--objective", "val/x"], "unknown metric"),
        (["--no_confirm", "--against", "quick"], "--against would have no effect"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(searched, capsys, flags, said):
    run = searched()
    code, _, err = promote(capsys, *flags)
    assert (code, said in err) == (2, True), err
    assert not run.paths.confirmations.exists()


@pytest.mark.parametrize(
    ("times", "said"),
    [([2.0, 3.0], ""), ([2.0, None], "1 of them by"), ([2.0, None, None], "2 of")],
)
def test_settings_that_the_search_never_timed_are_told(times, said):
    words = guessed_words(confirmation_cost(times, 4, 0.0))
    assert said in words and bool(words) == (None in times)
