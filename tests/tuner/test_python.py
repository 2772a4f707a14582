"""Searches from Python, and their results as pandas tables."""

import io
import math
import subprocess
import sys
from pathlib import Path

import pytest

import tuner
import tuner.search.loading
from models.errors import UserError
from tuner import results, search
from tuner.errors import SearchInvalid

EXAMPLES = Path(__file__).parents[1] / "examples"
BLOCKS = {
    "model": "fake",
    "preset": "plain",
    "space": {"lr": {"uniform": [0.1, 1.0]}},
    "searcher": {"sampler": "random", "seed": 3},
    "scheduler": {"name": "fifo", "max_epochs": 4},
    "budget": {"num_trials": 2},
}


def test_the_package_is_the_function_whatever_was_imported_before():
    assert tuner.search is search and callable(search)
    assert search.loading is tuner.search.loading


def test_mistakes_are_told_as_in_a_file(fake_spec):
    with pytest.raises(SearchInvalid, match="python: 2 mistakes"):
        search(**BLOCKS, objective={"metric": "val/sore"}, resources={"cpu": 0})
    with pytest.raises(UserError, match="unknown search file"):
        search("grammar_vae/nothing")


def test_one_change_alone_may_be_text(fake_spec):
    for change in ("budget.num_trials=0", ["budget.num_trials=0"]):
        with pytest.raises(SearchInvalid, match="num_trials is 0: give a value above 0"):
            search(**BLOCKS, overrides=change)


def test_a_run_is_a_table_of_trials_or_of_epochs(fake_run):
    run = results(str(fake_run.paths.folder))
    trials = run.to_frame()
    assert list(trials["number"]) == [0, 1, 2, 3]
    assert list(trials["val/score"]) == [0.2, 0.9, 0.8, 1.5]
    assert list(trials["last.val/score"]) == [0.2, 0.7, 0.8, 1.5]
    assert list(trials["params.lr"]) == [0.25, 0.375, 0.5, 0.625]
    assert list(trials["best_epoch"]) == [2, 2, 1, 1]
    curves = run.to_frame(curves=True)
    assert curves[curves["number"] == 1]["val/score"].tolist() == [0.5, 0.9, 0.7]


def test_what_a_trial_does_not_have_is_missing_in_its_row(new_run):
    run = new_run("some")
    run.trial("a", [])
    run.trial("b", [{"val/score": math.nan}])
    trials = results(str(run.paths.folder)).to_frame()
    assert len(trials) == 2 and trials["best_epoch"].isna().all()


def test_without_pandas_it_is_said_what_to_do(fake_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UserError, match="pandas is not installed: pip install pandas"):
        results(str(fake_run.paths.folder)).to_frame()


@pytest.mark.ray
def test_a_search_runs_by_its_blocks(fake_spec, ray_instance, tmp_path):
    run = search(**BLOCKS, name="mine", stream=io.StringIO())
    assert (run.status, len(run.rows)) == ("finished", 2)
    assert results("mine").to_frame().equals(run.to_frame())


@pytest.mark.ray
@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda script: script.name)
def test_the_examples_run(script, tmp_path):
    done = subprocess.run(
        [sys.executable, str(script)],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "val/recon" in done.stdout and (tmp_path / "runs" / "python").is_dir()
