"""Batch sizes that are searched in vain, since there are few rows."""

from types import SimpleNamespace

import pytest

from models.config_file import dump_yaml
from tuner.cli import main
from tuner.errors import SearchInvalid
from tuner.estimate.batch_sizes import alike_batches
from tuner.estimate.fit import check_fit
from tuner.search.loading import load_search


def searching(domain):
    return load_search(
        "grammar_vae/quickstart", ["fixed.batch_size=null", f"space.batch_size={domain}"]
    )


@pytest.mark.parametrize(
    ("domain", "first", "last"),
    [
        ("{choice: [256, 64, 1024]}", 256, 1024),
        ("{int: [64, 512], step: 64}", 256, 512),
        ("{log_int: [2, 9000000]}", 240, 9000000),
    ],
)
def test_values_of_all_rows_and_more_are_told(domain, first, last):
    (line,) = alike_batches(searching(domain), 240)
    assert f"space.batch_size changes nothing from {first} to {last}" in line
    assert f"all 240 training rows: end it at {first}" in line


@pytest.mark.parametrize("domain", ["{choice: [64, 256]}", "{int: [8, 240], step: 8}"])
def test_one_value_of_all_rows_is_another_than_the_others(domain):
    assert alike_batches(searching(domain), 240) == []
    assert alike_batches(load_search("grammar_vae/quickstart"), 240) == []


def test_a_search_for_nothing_else_is_refused():
    few, more = SimpleNamespace(train=range(64)), SimpleNamespace(train=range(65))
    search = searching("{int: [64, 512], step: 64}")
    with pytest.raises(SearchInvalid, match=r"space.batch_size would change nothing: .* all 64 tr"):
        check_fit(few, search=search, machine=None)
    check_fit(more, search=search, machine=None)


def test_check_tells_it_with_its_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    search = load_search("grammar_vae/quickstart", ["data.num_rows=60"]).to_mapping()
    del search["fixed"]["batch_size"]
    search["space"] = {"batch_size": {"choice": [16, 64, 128]}}
    (tmp_path / "few.yaml").write_text(dump_yaml(search))
    assert main(["check", "few.yaml", "--no_measure"]) == 0
    assert "warning: space.batch_size changes nothing from 64 to 128" in capsys.readouterr().out
    assert main(["check", "few.yaml", "--set", "space.batch_size={choice: [64, 128]}"]) == 2
    said = capsys.readouterr().err
    assert "--set: space.batch_size would change nothing" in said
    assert "remove it, or take values below 48" in said
