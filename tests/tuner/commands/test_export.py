import io
import json
import math

import optuna
import pandas
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from tuner.cli import main
from tuner.record.events import EventLog
from tuner.record.results import read_run
from tuner.running.study import CAUSE

SEARCH = """
model: fake
preset: plain
space:
  lr: {uniform: [0.1, 1.0]}
  fail: {choice: ["no", nan]}
  fail_epoch: {int: [1, 4], when: {fail: nan}}
objective: {metric: val/score, mode: max}
searcher: {sampler: random, seed: 3}
scheduler: {name: asha, max_epochs: 4, grace_epochs: 1}
budget: {num_trials: 4}
"""


def add(log, number, params, curve, state, cause=None, message=None):
    trial = f"t{number}"
    log.trial(trial, number, params)
    log.start(trial, "10.0.0.7")
    for epoch, metrics in enumerate(curve, 1):
        log.report(trial, epoch, metrics, f"checkpoints/{trial}/checkpoint_{epoch:06d}")
    if state is not None:
        log.end(trial, state, cause, message)


@pytest.fixture
def mixed(new_run, make_search):
    """A run whose trials have ended in every way; its values are hard to write down."""
    run = new_run("mixed", make_search(text=SEARCH))
    with EventLog(run.paths.events_file) as log:
        log.run("running")
        rising = [{"val/score": 0.1, "val/cost": 2.0}, {"val/score": 0.9, "val/cost": math.inf}]
        add(log, 0, {"lr": 0.25, "fail": "no"}, [*rising, {"val/score": 0.5}], "done", "epochs")
        add(
            log,
            1,
            {"lr": 0.10000000000000002, "fail": "nan", "fail_epoch": 2},
            rising[:1],
            "stopped",
            "rung 1",
        )
        broken = [{"val/score": math.nan, "val/cost": -math.inf}]
        add(
            log,
            2,
            {"lr": 0.5, "fail": "nan", "fail_epoch": 1},
            broken,
            "failed",
            "nan",
            'a "b",\nc',
        )
        add(log, 3, {"lr": 0.75, "fail": "no"}, [], "failed", "error", "KeyError: 'lr'")
        log.run("finished")
    return run


@pytest.fixture
def running(mixed):
    with EventLog(mixed.paths.events_file) as log:
        log.run("running")
        add(log, 4, {"lr": 0.3, "fail": "no"}, [{"val/score": 0.3}], None)
    return mixed


def run(capsys, *arguments):
    code = main(["export", "mixed", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


class TestCsv:
    def test_pandas_reads_every_value_back(self, mixed, tmp_path, capsys):
        file = tmp_path / "out" / "mixed.csv"
        code, out, _ = run(capsys, "--csv", file)
        assert (code, out) == (0, f"mixed: 4 trials in {file}\n")
        table = pandas.read_csv(file)
        assert list(table["number"]) == [0, 1, 2, 3]
        assert list(table["state"]) == ["done", "stopped", "failed", "failed"]
        # Of itself pandas takes the word `nan` for no value.
        assert list(table["cause"].fillna("nan")) == ["epochs", "rung 1", "nan", "error"]
        assert list(table["message"].fillna("")) == ["", "", 'a "b",\nc', "KeyError: 'lr'"]
        assert list(table["params.lr"]) == [0.25, 0.10000000000000002, 0.5, 0.75]
        assert list(table["params.fail_epoch"].fillna(0)) == [0, 2, 1, 0]
        assert list(table["best_epoch"].fillna(0)) == [2, 1, 0, 0]
        assert list(table["val/score"].fillna(-1)) == [0.9, 0.1, -1, -1]
        assert list(table["last.val/score"].fillna(-1)) == [0.5, 0.1, -1, -1]
        assert list(table["num_epochs"]) == [3, 1, 1, 0]
        assert table["val/cost"][0] == math.inf
        assert table["last.val/cost"][2] == -math.inf
        assert (table["duration_s"] >= 0).all()

    def test_a_value_that_is_not_a_number_differs_from_none(self, mixed, capsys):
        _, out, _ = run(capsys, "--csv", "-")
        table = pandas.read_csv(io.StringIO(out), keep_default_na=False, dtype=str)
        assert list(table["last.val/score"]) == ["0.5", "0.1", "nan", ""]

    def test_lists_and_switches_are_json(self, new_run, capsys):
        made = new_run("mixed")
        with EventLog(made.paths.events_file) as log:
            params = {"kernel": [3, 5, 7], "position": True, "kind": None, "name": "NaN"}
            add(log, 0, params, [], "done")
            add(log, 1, {"kernel": []}, [], "done")
        _, out, _ = run(capsys, "--csv", "-")
        table = pandas.read_csv(io.StringIO(out), keep_default_na=False, dtype=str)
        assert [json.loads(text) for text in table["params.kernel"]] == [[3, 5, 7], []]
        assert list(table["params.position"]) == ["true", ""]
        assert list(table["params.kind"]) == ["null", ""]
        assert list(table["params.name"]) == ["NaN", ""]

    def test_a_run_without_trials_has_a_header(self, new_run, capsys):
        new_run("mixed")
        code, out, _ = run(capsys, "--csv", "-")
        assert (code, out.count("\n")) == (0, 1)
        assert out.startswith("number,trial,state,cause,")


class TestJsonLines:
    def test_a_line_a_trial_with_its_curve(self, mixed, capsys):
        _, out, _ = run(capsys, "--jsonl", "-")
        lines = [json.loads(line, parse_constant=pytest.fail) for line in out.splitlines()]
        rows = read_run(mixed.paths).rows
        assert [line["params"] for line in lines] == [dict(row.params) for row in rows]
        curves = [
            [{name: float(v) for name, v in p["metrics"].items()} for p in line["curve"]]
            for line in lines
        ]
        wanted = [[dict(point.metrics) for point in row.curve] for row in rows]
        assert repr(curves) == repr(wanted)  # NaN is not equal to itself
        assert [line["best"] and line["best"]["epoch"] for line in lines] == [2, 1, None, None]
        assert {line["run"] for line in lines} == {"mixed"}

    def test_trials_that_run(self, running, capsys):
        _, out, _ = run(capsys, "--jsonl", "-")
        assert json.loads(out.splitlines()[-1])["state"] == "running"


def study_of(target):
    if target.endswith((".journal", ".log")):
        storage = JournalStorage(JournalFileBackend(target))
    else:
        storage = target if "://" in target else f"sqlite:///{target}"
    return optuna.load_study(study_name="mixed", storage=storage)


class TestOptuna:
    @pytest.mark.parametrize("name", ["s.journal", "s.log", "s.db", "s.sqlite3", "sqlite:///s.db"])
    def test_optuna_loads_it(self, mixed, name, tmp_path, capsys):
        target = name if "://" in name else str(tmp_path / name)
        code, out, _ = run(capsys, "--optuna", target)
        assert code == 0
        assert "optuna.load_study(study_name='mixed', storage=" in out
        study = study_of(target)
        states = [trial.state for trial in study.trials]
        assert states == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.FAIL]
        assert study.best_trial.values == [0.9]
        assert study.trials[0].intermediate_values == {1: 0.1, 2: 0.9, 3: 0.9}
        assert study.trials[1].params == {"lr": 0.10000000000000002, "fail": "nan", "fail_epoch": 2}
        assert study.trials[2].user_attrs[CAUSE] == "nan"
        assert list(study.trials_dataframe()["number"]) == [0, 1, 2, 3]
        assert [p.name for p in tmp_path.iterdir() if ".part" in p.name] == []

    def test_the_line_that_is_printed_loads_it(self, mixed, tmp_path, capsys):
        for name in ("s.journal", "s.db"):
            _, out, _ = run(capsys, "--optuna", tmp_path / name)
            assert len(eval(out.splitlines()[-1]).trials) == 4

    def test_several_objectives(self, new_run, make_search, tmp_path, capsys):
        both = "objective=[{metric: val/score}, {metric: val/cost}]"
        made = new_run("mixed", make_search(both, "scheduler={name: fifo, max_epochs: 4}"))
        with EventLog(made.paths.events_file) as log:
            curve = [{"val/score": 0.1, "val/cost": 3.0}, {"val/score": 0.2, "val/cost": 4.0}]
            add(log, 0, {"lr": 0.25}, curve, "done", "epochs")
            add(log, 1, {"lr": 0.5}, [{"val/score": 0.05, "val/cost": 1.0}], "done", "epochs")
        assert run(capsys, "--optuna", tmp_path / "s.db")[0] == 0
        study = study_of(str(tmp_path / "s.db"))
        assert [trial.values for trial in study.trials] == [[0.2, 4.0], [0.05, 1.0]]
        assert len(study.best_trials) == 2
        _, out, _ = run(capsys, "--csv", "-")
        assert list(pandas.read_csv(io.StringIO(out))["val/cost"]) == [4.0, 1.0]

    def test_trials_that_run(self, running, tmp_path, capsys):
        assert run(capsys, "--optuna", tmp_path / "s.db")[0] == 0
        last = study_of(str(tmp_path / "s.db")).trials[-1]
        assert last.state in (TrialState.RUNNING, TrialState.FAIL)
        assert last.intermediate_values == {1: 0.3}

    @pytest.mark.parametrize("target", ["study", "study.json", "-"])
    def test_a_target_that_is_none(self, mixed, target, capsys):
        code, _, err = run(capsys, "--optuna", target)
        assert (code, err.startswith(f"error: --optuna {target}: ")) == (2, True)

    def test_a_database_that_cannot_be_opened(self, mixed, capsys):
        code, _, err = run(capsys, "--optuna", "sqlite:////no/such/folder/s.db")
        assert (code, "cannot be opened" in err) == (2, True)


class TestNothingIsOverwritten:
    @pytest.mark.parametrize(
        ("flag", "name"), [("--csv", "a.csv"), ("--jsonl", "a.jsonl"), ("--optuna", "a.db")]
    )
    def test_a_file_without_being_asked(self, mixed, flag, name, tmp_path, capsys):
        file = tmp_path / name
        file.write_text("mine")
        code, _, err = run(capsys, flag, file)
        assert (code, err) == (2, f"error: {file} is there already: --force replaces it\n")
        assert file.read_text() == "mine"
        assert run(capsys, flag, file, "--force")[0] == 0
        assert file.read_bytes() != b"mine"

    def test_a_study_in_a_database(self, mixed, tmp_path, capsys):
        url = f"sqlite:///{tmp_path / 's.db'}"
        optuna.create_study(study_name="another", storage=url)
        assert run(capsys, "--optuna", url)[0] == 0
        code, _, err = run(capsys, "--optuna", url)
        assert (code, "has a study 'mixed' already: --force" in err) == (2, True)
        assert run(capsys, "--optuna", url, "--force")[0] == 0
        assert len(study_of(url).trials) == 4
        assert len(optuna.get_all_study_names(url)) == 2

    def test_a_folder_is_no_file(self, mixed, tmp_path, capsys):
        code, _, err = run(capsys, "--csv", tmp_path, "--force")
        assert (code, err) == (2, f"error: {tmp_path} is a folder: give a file\n")


@pytest.mark.parametrize("flags", [[], ["--csv", "a", "--jsonl", "b"]])
def test_one_target_is_asked_for(flags, capsys):
    with pytest.raises(SystemExit) as end:
        main(["export", "mixed", *flags])
    assert end.value.code == 2
