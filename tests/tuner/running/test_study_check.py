import optuna
import pytest
from optuna.trial import TrialState

from tuner.record.events import EventLog
from tuner.record.paths import RunPaths
from tuner.record.results import read_run
from tuner.running.study import CAUSE, RAY_TRIAL, build_sampler, open_storage, open_study
from tuner.running.study_check import check_study, num_rows


@pytest.fixture
def search(make_search):
    return make_search()


@pytest.fixture
def paths(tmp_path, search):
    """A run of four trials that ended in four ways, and a study that agrees."""
    paths = RunPaths(tmp_path / "first")
    with EventLog(paths.events_file) as log:
        ends = [("done", "epochs"), ("stopped", "rung 1"), ("failed", "nan"), ("interrupted", None)]
        for number, (state, cause) in enumerate(ends):
            name = f"t{number}"
            log.trial(name, number, {"lr": 0.25 + number / 8})
            log.start(name)
            for epoch in (1, 2):
                log.report(name, epoch, {"val/score": number + epoch / 10, "val/cost": 1.0})
            log.end(name, state, cause)
    mend(paths, search)
    assert said(paths, search) == []
    return paths


def findings(paths, search, environment=None):
    return list(check_study(paths, search, read_run(paths).rows, environment or {}))


def said(paths, search):
    return [f"{finding.what}: {finding.remedy}" for finding in findings(paths, search)]


def mend(paths, search):
    for finding in findings(paths, search):
        finding.mend()


def study_of(paths):
    storage = open_storage(paths.study_file)
    return optuna.load_study(study_name=None, storage=storage)


def test_a_study_that_is_missing_is_made_of_the_log(paths, search):
    rows = study_of(paths).trials
    assert [row.state for row in rows] == [
        TrialState.COMPLETE,
        TrialState.PRUNED,
        TrialState.FAIL,
        TrialState.FAIL,
    ]
    assert [row.user_attrs.get(CAUSE) for row in rows] == [None, "rung 1", "nan", "interrupted"]
    assert [row.user_attrs[RAY_TRIAL] for row in rows] == ["t0", "t1", "t2", "t3"]
    assert [row.params["lr"] for row in rows] == [0.25, 0.375, 0.5, 0.625]
    assert (rows[0].value, rows[1].value) == (0.2, 1.2)
    assert rows[0].intermediate_values == {1: 0.1, 2: 0.2}
    paths.study_file.unlink()
    assert said(paths, search) == ["study.journal: missing: written again from the event log"]


def test_an_orphan_row_is_settled(paths, search):
    study = study_of(paths)
    study.ask()
    assert said(paths, search) == [
        "study.journal: trial 4 (RUNNING) is not in the event log: written again from the event log"
    ]
    mend(paths, search)
    assert said(paths, search) == []
    assert num_rows(paths) == 4
    assert paths.old_study_file.exists()


def test_a_row_that_a_killed_driver_left_running_is_settled(tmp_path, search):
    paths = RunPaths(tmp_path / "second")
    paths.folder.mkdir()
    sampler = build_sampler("random", seed=0)
    trial = open_study(open_storage(paths.study_file), "second", ("max",), sampler).ask()
    value = trial.suggest_float("lr", 0.1, 1.0)
    trial.set_user_attr(RAY_TRIAL, "t0")
    with EventLog(paths.events_file) as log:
        log.trial("t0", 0, {"lr": value})
        log.start("t0")
        log.end("t0", "interrupted")
    assert "trial 0 is RUNNING, and the event log says FAIL" in said(paths, search)[0]
    mend(paths, search)
    assert study_of(paths).trials[0].state is TrialState.FAIL


def test_rows_that_are_missing_come_back(paths, search):
    """The journal has lost its last lines, as without a flush before the power failed."""
    lines = paths.study_file.read_bytes().splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if b'"t2"' in line)
    paths.study_file.write_bytes(b"".join(lines[:first]))
    assert [line.split(": ")[1] for line in said(paths, search)] == [
        "trial 2 is missing",
        "trial 3 is missing",
    ]
    mend(paths, search)
    assert said(paths, search) == []


@pytest.mark.parametrize("length", [1, 20, 200])
def test_a_journal_that_is_torn_or_damaged_is_written_again(paths, search, length):
    content = paths.study_file.read_bytes()
    paths.study_file.write_bytes(content[:-length])
    assert "its last line is torn" in said(paths, search)[0]
    mend(paths, search)
    assert num_rows(paths) == 4
    paths.study_file.write_bytes(b"?" * length + content[length:])
    assert "study.journal: damaged" in said(paths, search)[0]
    mend(paths, search)
    assert said(paths, search) == []


def test_other_values_are_found(paths, search):
    log = paths.events_file
    log.write_text(log.read_text().replace('"val/score": 0.2', '"val/score": 0.9'))
    assert "trial 0 has the value [0.2], and the event log says [0.9]" in said(paths, search)[0]
    log.write_text(log.read_text().replace('"lr": 0.375', '"lr": 0.875'))
    assert "trial 1 has other parameters than the event log" in said(paths, search)[1]


@pytest.mark.parametrize(
    "environment",
    [
        {"command": ["tuner", "search", "x", "--storage", "sqlite:///s.db"]},
        {"command": ["tuner", "search", "--storage=sqlite:///s.db"]},
        {"study": {"storage": "sqlite:///s.db"}},
    ],
)
def test_a_study_in_a_database_is_said_not_to_be_checked(paths, search, environment):
    (finding,) = findings(paths, search, environment)
    assert finding.harmless
    assert "not checked" in finding.remedy
