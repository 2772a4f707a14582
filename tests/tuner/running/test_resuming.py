"""A run that is resumed ends like one that was never cut off."""

import io
import json
from contextlib import contextmanager

import pytest
from killed_run import copy_run

from models.errors import UserError
from tuner.cli import main
from tuner.record.environment import code_state, describe_driver, render
from tuner.record.events import EventLog, TrialEnded, TrialReported, TrialStarted, read_events
from tuner.record.paths import RunPaths, find_run
from tuner.record.results import kept_checkpoints, read_run
from tuner.record.run_lock import hold_run
from tuner.record.search_copy import read_search, write_search
from tuner.running.resuming import ResumeOptions, resume_run
from tuner.running.runner import RunOptions, run_search
from tuner.running.study import RAY_TRIAL, build_sampler, open_storage, open_study
from tuner.running.study_place import known_place

SETTINGS = (
    "scheduler={name: asha, max_epochs: 9, grace_epochs: 1, reduction_factor: 3}",
    "searcher={sampler: tpe, seed: 3}",
    "budget.num_trials=14",
    "resources.cpu=2",  # one after another, so that everything has one order
)


def rows_of(paths):
    """Return what the record says of the trials, without times and ids."""
    return [
        (
            row.number,
            row.params,
            row.state,
            row.cause,
            [(point.epoch, point.metrics["val/score"]) for point in row.curve],
        )
        for row in read_run(paths).rows
    ]


def study_rows(paths):
    environment = json.loads(paths.environment_file.read_text())
    place = known_place(paths, environment, None)
    sampler = build_sampler("random", seed=0)
    study = open_study(open_storage(place.location), place.name, ["max"], sampler)
    return [
        (
            row.params,
            row.state,
            row.values,
            row.intermediate_values,
            {key: value for key, value in row.user_attrs.items() if key != RAY_TRIAL},
        )
        for row in study.trials
    ]


def kept(paths):
    """Return the epochs of the checkpoints that are on disk, by trial."""
    run = read_run(paths)
    return {row.number: [p.epoch for p, _ in kept_checkpoints(paths, row)] for row in run.rows}


def num_repeated(paths):
    """Return how many epochs were reported more than once."""
    reports = [e for e in read_events(paths.events_file) if isinstance(e, TrialReported)]
    return len(reports) - len({(report.trial, report.epoch) for report in reports})


@contextmanager
def snapshots(after, before=None):
    """Copy the run's folder as it is on disk at chosen events: what a kill then would leave.

    Args:
        after: says by name after which events.
        before: the same for events that are not written yet.
    """
    left, seen, append = {**after, **(before or {})}, [], EventLog.append

    def copy(log, wanted):
        for name in [name for name in left if name in wanted and left[name](seen)]:
            del left[name]
            copy_run(log._path.parent, log._path.parent.with_name(name))

    def watched(log, event):
        seen.append(event)
        copy(log, before or {})
        append(log, event)
        copy(log, after)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EventLog, "append", watched)
        yield
    assert left == {}


def after(kind, count, **facts):
    """Return whether the latest event is of a kind, and that for so many times."""

    def is_now(events):
        found = [
            event
            for event in events
            if isinstance(event, kind)
            and all(getattr(event, key) == value for key, value in facts.items())
        ]
        return len(found) == count and events[-1] is found[-1]

    return is_now


@pytest.mark.ray
@pytest.mark.usefixtures("ray_instance")
class TestWithRay:
    def test_a_run_cut_off_at_any_moment_ends_as_if_it_was_not(self, make_search, capsys):
        moments = {
            "at_a_start": after(TrialStarted, 4),
            "at_a_report": after(TrialReported, 30),
            "at_a_last_report": after(TrialReported, 2, finished="epochs"),
            "at_an_end": after(TrialEnded, 12),
        }
        before = {"before_the_last_end": after(TrialEnded, 14)}
        with snapshots(moments, before):
            search = make_search(*SETTINGS)
            whole = run_search(search, RunOptions(name="whole", stream=io.StringIO())).paths
        expected = rows_of(whole)
        assert {row[2] for row in expected} == {"done", "stopped"}
        for name in (*before, *moments):
            paths = find_run(name)
            (paths.folder / "study.journal").unlink()  # the event log is enough
            assert main(["resume", name]) == 0
            assert rows_of(paths) == expected
            assert study_rows(paths) == study_rows(whole)
            assert kept(paths) == kept(whole)
            assert num_repeated(paths) == 0
            assert read_run(paths).status == "finished"
        assert "tuner promote at_an_end --top 3" in capsys.readouterr().out
        assert main(["resume", "at_an_end", "--trials", "15"]) == 0
        assert rows_of(paths)[:14] == expected
        assert len(study_rows(paths)) == len(rows_of(paths)) == 15
        assert read_search(paths).budget.num_trials == 15

    def test_a_finished_run_takes_a_larger_budget_and_torn_checkpoints_cost_epochs(
        self, make_search, hours_spent_after, capsys
    ):
        """The first part ends by its time budget, so that trials wait to go on."""
        search = make_search(
            "fixed={epoch_s: 0.2}",
            "scheduler.max_epochs=12",
            "budget.num_trials=1",
            "budget.hours=0.0001",
            "resources.cpu=2",
        )
        with hours_spent_after(num_reports=4):
            first = run_search(search, RunOptions(name="tiny", stream=io.StringIO()))
        (row,) = first.rows
        assert (row.state, row.cause) == ("stopped", "budget")
        assert row.num_epochs > 2
        newest = kept_checkpoints(first.paths, row)[-1][1]
        (newest / "checkpoint.ckpt").write_bytes(b"torn")

        assert main(["resume", "tiny"]) == 2
        said = capsys.readouterr().err
        assert "the time budget of 'tiny' is 0.0001 hours" in said
        assert "tuner resume tiny --hours" in said

        assert main(["resume", "tiny", "--hours", "1"]) == 0
        said = capsys.readouterr().err
        assert f"trial 0: goes on after epoch {row.num_epochs}" in said
        run = read_run(first.paths)
        assert [(row.state, row.cause) for row in run.rows] == [("done", "epochs")]
        assert [point.epoch for point in run.rows[0].curve] == list(range(1, 13))
        assert num_repeated(first.paths) == 1
        assert run.rows[0].num_starts == 2
        log = first.paths.events_file.read_text()
        assert "resumed, with trial 0 to go on; budget.hours 0.0001" in log
        assert f"trial 0 repeats its epochs from {row.num_epochs} on" in log
        assert read_search(first.paths).budget.hours == 1
        drivers = json.loads(first.paths.environment_file.read_text())["resumed"]
        assert len(drivers) == 1

        assert main(["resume", "tiny"]) == 2
        assert "'tiny' has ended, with 1 of 1 trial" in capsys.readouterr().err

    def test_a_study_in_a_database_is_found_and_belongs_to_one_run(
        self, make_search, tmp_path, monkeypatch
    ):
        search = make_search("budget.num_trials=2", "resources.cpu=2")
        options = RunOptions(name="whole", stream=io.StringIO(), storage="sqlite:///all.db")
        with snapshots({"cut": after(TrialReported, 3)}):
            whole = run_search(search, options).paths
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        monkeypatch.setenv("TUNER_RUNS", str(tmp_path / "runs"))
        before = study_rows(whole)
        cut = find_run("cut")
        run = resume_run(cut, RunOptions(stream=io.StringIO()), ResumeOptions())
        assert [row.state for row in run.rows] == ["done", "done"]
        assert study_rows(cut) == before
        assert not (cut.folder / "study.journal").exists()
        names = open_storage(f"sqlite:///{tmp_path}/all.db").get_all_studies()
        assert len(names) == 1  # the copy has the id of the run that it is a copy of

    def test_a_search_over_a_small_space_tries_every_point_once(self, make_search, capsys):
        search = make_search(
            "space={peak: {int: [1, 4]}, lr: {choice: [0.1, 0.2, 0.3]}}", "budget.num_trials=20"
        )
        arguments = ["--set", "space={peak: {int: [1, 4]}, lr: {choice: [0.1, 0.2, 0.3]}}"]
        assert main(["search", search.source, "--name", "tiny", "--trials", "20", *arguments]) == 0
        assert "12 trials" in (printed := capsys.readouterr().out)
        assert "all 12 points of the space are tried" in printed
        rows = read_run(find_run("tiny")).rows
        assert len({tuple(row.params.values()) for row in rows}) == len(rows) == 12
        assert main(["resume", "tiny", "--trials", "40"]) == 2
        assert "has tried all 12 points of its space" in capsys.readouterr().err


@pytest.fixture
def cut_off(make_search, tmp_path):
    """A run whose driver was killed in its first trial."""
    paths = RunPaths(tmp_path / "runs" / "tiny")
    paths.folder.mkdir(parents=True)
    search = make_search()
    write_search(search, paths)
    environment = {
        **describe_driver(code_state(), ["tuner", "search"]),
        "pid": 0,
        "data": {"digest": "d1", "num_train": 6, "num_val": 2},
    }
    paths.environment_file.write_text(render(environment))
    with EventLog(paths.events_file) as log:
        log.run("running")
        log.trial("a", 0, {"lr": 0.5})
        log.start("a")
        log.report("a", 1, {"val/score": 0.5, "val/cost": 2.0})
    return paths


def change(paths, **keys):
    environment = json.loads(paths.environment_file.read_text())
    paths.environment_file.write_text(render({**environment, **keys}))


def resumed(capsys, *arguments):
    assert main(["resume", "tiny", *arguments]) == 2
    return capsys.readouterr().err


def test_other_code_is_told_and_refused(cut_off, capsys):
    packages = {**json.loads(cut_off.environment_file.read_text())["packages"], "ray": "1.0"}
    change(cut_off, commit="abc", packages=packages)
    content = cut_off.events_file.read_bytes()
    said = resumed(capsys)
    assert "the run's was at abc" in said
    assert "ray is 2.60.0, the run had 1.0" in said
    assert "`tuner resume tiny --anyway`" in said
    assert cut_off.events_file.read_bytes() == content


def test_other_differences_to_the_same_commit_are_told(cut_off, capsys):
    change(cut_off, diff_digest="0")
    assert "differs from its commit in another way" in resumed(capsys)


def test_the_latest_driver_is_who_counts(cut_off, capsys):
    change(cut_off, resumed=[{**describe_driver(code_state(), []), "commit": "def"}])
    assert "the run's was at def" in resumed(capsys)


def test_fewer_trials_than_there_are_is_a_mistake(cut_off, capsys):
    with EventLog(cut_off.events_file) as log:
        log.trial("b", 1, {"lr": 0.25})
    assert "--trials 1 is below the 2 trials that were drawn" in resumed(capsys, "--trials", "1")


@pytest.mark.parametrize("flag", [("--trials", "0"), ("--hours", "-1")])
def test_a_budget_is_checked_as_in_a_search(cut_off, capsys, flag):
    assert "give a value above 0" in resumed(capsys, *flag)
    assert read_search(cut_off).budget.num_trials == 4


def test_a_run_that_somebody_drives_is_not_resumed(cut_off, capsys):
    with hold_run(cut_off):
        assert "the run 'tiny' is driven by this process" in resumed(capsys)


def test_a_search_of_the_name_of_a_run_is_told_who_drives_it(cut_off, make_search, capsys):
    source = make_search().source
    with hold_run(cut_off):
        assert main(["search", source, "--name", "tiny"]) == 2
        assert "the run 'tiny' is driven by this process" in capsys.readouterr().err
    assert main(["search", source, "--name", "tiny"]) == 2
    assert "exists already" in (said := capsys.readouterr().err)
    assert "`tuner resume tiny`" in said


def test_a_driver_that_died_after_the_last_end_has_finished_the_run(cut_off, capsys):
    with EventLog(cut_off.events_file) as log:
        log.end("a", "done", "epochs")
        for number in (1, 2, 3):
            log.trial(f"t{number}", number, {"lr": 0.1 * number})
            log.end(f"t{number}", "failed", "nan")
    assert main(["resume", "tiny"]) == 0
    assert read_run(cut_off).status == "finished"
    assert "'tiny' has ended, with 4 of 4 trials" in resumed(capsys)


def test_an_unknown_run_is_told(cut_off, capsys):
    assert main(["resume", "tin"]) == 2
    assert "Did you mean 'tiny'?" in capsys.readouterr().err


@pytest.mark.ray
@pytest.mark.usefixtures("ray_instance")
def test_other_data_are_told_and_refused(cut_off):
    change(cut_off, data={"digest": "d0", "num_train": 6, "num_val": 2})
    with pytest.raises(UserError, match=r"data's digest is d1, the run had d0"):
        resume_run(cut_off, RunOptions(stream=io.StringIO()), ResumeOptions())
    assert "resumed" not in json.loads(cut_off.environment_file.read_text())
