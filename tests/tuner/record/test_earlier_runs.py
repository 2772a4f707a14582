"""What a search takes from earlier runs: results where they would have been its own, or points."""

import io
import json

import pytest

from models.errors import UserError
from tuner.cli import main
from tuner.commands.search import show_end
from tuner.errors import SearchInvalid
from tuner.record.earlier_runs import with_earlier_runs
from tuner.record.environment import render
from tuner.record.paths import RunPaths
from tuner.record.results import read_run
from tuner.record.search_copy import read_search, write_search
from tuner.record.warm_start_file import write_earlier
from tuner.report.material import read_material
from tuner.report.verdict import verdict
from tuner.running.runner import RunOptions, run_search
from tuner.running.samplers import sampler_of

FIRST = "searcher.warm_start=[{run: first}]"


@pytest.fixture
def first(fake_run):
    """Trials a to d with lr 0.25, 0.375, 0.5, 0.625; done, done, stopped, failed."""
    environment = json.loads(fake_run.paths.environment_file.read_text())
    fake_run.paths.environment_file.write_text(render(environment))
    return fake_run


def taken(search, spec):
    return with_earlier_runs(search, spec.load_data(search.data, None))


def test_trials_of_the_same_training_are_known_results(first, make_search, fake_spec):
    search, (said,) = taken(make_search(FIRST), fake_spec)
    assert [(one.values["lr"], one.scores, one.is_complete) for one in search.known] == [
        (0.375, (0.9,), True),
        (0.5, (0.8,), False),
        (0.25, (0.2,), True),
    ]
    assert search.warm_starts == ()
    assert said == (
        "warm start from the run first: 3 of its trials are known results; "
        "trial 3: left out, as they failed"
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (["fixed.peak=2"], "points to try only, as peak differ"),
        (["scheduler.max_epochs=9"], "points to try only, as epochs differ"),
        (
            ["scheduler.val_rows=1"],
            "points to try only, as they were compared by other validation rows",
        ),
        (
            ["objective=[{metric: val/score}, {metric: val/cost}]"],
            "points to try only, as an objective is not among what they reported",
        ),
    ],
)
def test_of_other_trainings_only_the_points_count(first, make_search, fake_spec, changes, reason):
    search, (said,) = taken(make_search(FIRST, *changes), fake_spec)
    assert search.known == ()
    assert [one.name for one in search.warm_starts] == [f"first, trial {n}" for n in (1, 2, 0)]
    assert f"trial 0, 1, 2: {reason}" in said


def test_a_preset_that_an_earlier_run_trained_is_not_trained_again(first, make_search, fake_spec):
    both = make_search("searcher.warm_start=[quick, {run: first}]")
    search, said = taken(both, fake_spec)
    assert said[1:] == ["warm start quick: not trained again, as it is known from first, trial 0"]
    assert [one.name for one in search.warm_starts] == ["quick"]  # of which the record has the text
    _, said = taken(make_search("searcher.warm_start=[quick, {run: first, top: 1}]"), fake_spec)
    assert len(said) == 1


def test_other_data_are_seen_by_their_digest(first, make_search, fake_spec):
    environment = json.loads(first.paths.environment_file.read_text())
    first.paths.environment_file.write_text(render({**environment, "data": {"digest": "d2"}}))
    search, (said,) = taken(make_search(FIRST), fake_spec)
    assert search.known == () and "as they had other data" in said


def test_the_best_so_many_are_taken_and_those_outside_the_space_left_out(
    first, make_search, fake_spec
):
    search, _ = taken(make_search("searcher.warm_start=[{run: first, top: 2}]"), fake_spec)
    assert [one.values["lr"] for one in search.known] == [0.375, 0.5]
    narrow = make_search(FIRST, "space={lr: {uniform: [0.3, 1.0]}}")
    search, (said,) = taken(narrow, fake_spec)
    assert [one.values["lr"] for one in search.known] == [0.375, 0.5]
    assert "trial 0: left out, as lr 0.25 is outside the space" in said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["searcher.warm_start=[{run: nobody}]"], "nobody"),
        ([FIRST, "fixed.peak=2", "budget.num_trials=2"], "3 points to try, and there are 2 trials"),
    ],
)
def test_what_cannot_be_taken_is_told(first, make_search, fake_spec, changes, message):
    with pytest.raises(UserError, match=message):
        taken(make_search(*changes), fake_spec)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[{run: first}, {run: first, top: 2}]", "names a run twice: first"),
        ("[{run: first, top: 0}]", "top"),
        ("[{runs: first}]", "warm_start"),
    ],
)
def test_a_warm_start_that_is_wrong_is_told(make_search, value, message):
    with pytest.raises(SearchInvalid, match=message):
        make_search(f"searcher.warm_start={value}")


def test_a_run_keeps_what_it_took_and_needs_the_earlier_one_no_more(
    first, make_search, fake_spec, tmp_path
):
    search, _ = taken(make_search(FIRST, "searcher.sampler=tpe"), fake_spec)
    points, _ = taken(make_search(FIRST, "fixed.peak=2"), fake_spec)
    for name, one in (("known", search), ("points", points)):
        paths = RunPaths(tmp_path / name)
        paths.folder.mkdir()
        write_search(one, paths)
        again = read_search(paths)
        assert again.known == one.known
        assert [(w.name, w.values) for w in again.warm_starts] == [
            (w.name, w.values) for w in one.warm_starts
        ]


def test_a_small_space_has_as_many_trials_as_it_has_points_that_are_not_known(
    first, make_search, fake_spec
):
    search = make_search(FIRST, "space={lr: {choice: [0.25, 0.375, 0.5, 0.75]}}")
    assert taken(search, fake_spec)[0].num_trials == 1


@pytest.mark.parametrize("sampler", ["tpe", "gp", "nsga2"])
def test_samplers_that_learn_are_told(first, make_search, fake_spec, sampler):
    search, _ = taken(make_search(FIRST, f"searcher.sampler={sampler}"), fake_spec)
    built = sampler_of(search)
    told = built._earlier if sampler == "tpe" else built._ended._earlier
    assert [(one.values, one.state.name) for one in told] == [
        ([0.9], "COMPLETE"),
        ([0.8], "PRUNED"),
        ([0.2], "COMPLETE"),
    ]


@pytest.mark.ray
def test_a_search_begins_with_an_earlier_run_and_goes_on_without_it(
    make_search, ray_instance, tmp_path, capsys
):
    earlier = make_search("budget.num_trials=3")
    run_search(earlier, RunOptions(name="first", stream=io.StringIO()))
    stream = io.StringIO()
    search = make_search(FIRST, "searcher={sampler: tpe, seed: 8, warm_start: [{run: first}]}")
    run = run_search(search, RunOptions(name="next", stream=stream))
    assert "3 of its trials are known results" in stream.getvalue()
    known = {row.params["lr"] for row in read_run(RunPaths(tmp_path / "runs" / "first")).rows}
    assert len(run.rows) == 4 and not known & {row.params["lr"] for row in run.rows}
    (tmp_path / "runs" / "first").rename(tmp_path / "runs" / "gone")
    assert main(["resume", "next", "--trials", "5"]) == 0
    assert main(["doctor", "next", "--check"]) == 0
    assert main(["check", str(search.source), "--set", FIRST]) == 2
    assert "unknown run" in capsys.readouterr().err


def test_a_run_that_is_not_there_is_told_with_all_other_mistakes(make_search, tmp_path, capsys):
    file = str(make_search().source)
    wrong = ["--set", "searcher.warm_start=[{run: nowhere}, nothing]", "--set", "fixed.bar=1"]
    assert main(["check", file, *wrong]) == 2
    said = capsys.readouterr().err
    assert "3 mistakes" in said
    for one in ("unknown run in", "'nowhere'", "preset 'nothing'", "unknown key 'bar'"):
        assert one in said


@pytest.mark.parametrize(("own", "is_told"), [(0.85, True), (0.9, False), (0.95, False)])
def test_known_result_that_is_better_than_all_of_a_run_is_told(
    own, is_told, first, make_search, new_run, fake_spec, capsys
):
    search, _ = taken(make_search(FIRST), fake_spec)
    run = new_run("second", search)
    write_earlier(search, run.paths)
    run.trial("x", [own], params={"lr": 0.75})
    run.end("finished")
    told = (
        "better than every trial of this run: trial 1 of first, val/score 0.9000, which the warm "
        "start gave as a known result; `tuner promote first --trial 1` makes a preset of it"
    )
    assert main(["show", "second"]) == 0
    assert (told in capsys.readouterr().out) == is_told
    show_end(lambda: read_run(run.paths), read_search(run.paths))
    assert (told in capsys.readouterr().out) == is_told
    said = verdict(read_material(run.paths)).more
    assert any("trial 1 of first, val/score 0.9000" in one for one in said) == is_told
