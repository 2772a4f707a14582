import dataclasses
import io
import os
import sys
import threading
from datetime import datetime

import pytest

from models.config_file import read_yaml
from models.errors import UserError
from models.grammar_vae.spec import GRAMMAR_VAE
from models.presets import find_preset, render_preset
from tuner.errors import SearchInvalid
from tuner.record.paths import RunPaths, default_run_name, is_run
from tuner.record.search_copy import read_search, write_search
from tuner.search.loading import load_data, load_search, told_with_lines

SMALL = """
model: grammar_vae
preset: minimal
fixed: {batch_size: 64}
data: {dataset: equations, num_rows: 100}
space:
  cycle_epochs: {int: [4, 8], when: {cyclical_beta: true}}
  cyclical_beta: {choice: [true, false]}
  encoder_kernel: {list: {choice: [3, 5]}, length: encoder_conv_layers}
searcher: {warm_start: [minimal]}
scheduler: {max_epochs: 6}
budget: {num_trials: 4}
"""


@pytest.fixture
def small(tmp_path):
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return file


@pytest.fixture
def presets(tmp_path, monkeypatch):
    folder = tmp_path / "presets"
    monkeypatch.setenv("TUNER_PRESETS", str(folder))
    (folder / "grammar_vae").mkdir(parents=True)
    return folder / "grammar_vae"


def mistakes(file, *overrides):
    with pytest.raises(SearchInvalid, match=str(file)) as caught:
        load_search(file, overrides)
    return tuple(map(str, caught.value.mistakes))


def test_command_line_goes_before_the_file(small):
    search = load_search(small, ["budget.num_trials=9", "space.lr={log_uniform: [1e-4, 1e-2]}"])
    assert search.budget.num_trials == 9
    assert "lr" in search.space.keys
    assert "lr" not in load_search(small).space.keys


@pytest.mark.parametrize("text", ["", "3", "[a]"])
def test_file_without_keys_is_refused(tmp_path, text):
    file = tmp_path / "odd.yaml"
    file.write_text(text)
    assert "give `model:`, `preset:`" in mistakes(file)[0]


def test_malformed_file_is_reported_with_its_line(small):
    small.write_text(SMALL + "budget: {num_trials: 3}\n")
    with pytest.raises(UserError, match=r"small.yaml, line 13.*given twice"):
        load_search(small)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["scheduler={name: fifo, max_epochs: 3}"],
        ["objective=[{metric: val/seq_acc}, {metric: val/kl}]"],
        ["searcher.name=random", "keep.max_gb=2", "resources={cpu: 0.5, gpu: 0.25}"],
    ],
)
def test_run_keeps_its_search(small, tmp_path, overrides):
    search = load_search(small, overrides)
    paths = RunPaths(tmp_path / "run")
    write_search(search, paths)
    assert is_run(paths)

    again = read_search(paths)

    assert again.to_mapping() == search.to_mapping()
    for key in ("base_config", "data", "space", "objectives", "searcher", "scheduler", "keep"):
        assert getattr(again, key) == getattr(search, key)
    assert [start.values for start in again.warm_starts] == [
        start.values for start in search.warm_starts
    ]
    assert again.preset.config == search.preset.config


def test_run_keeps_its_presets_though_they_are_changed(small, tmp_path, presets):
    mine = dataclasses.replace(find_preset(GRAMMAR_VAE, "minimal"), name="mine")
    mine = dataclasses.replace(mine, provenance={"run": "first"})
    (presets / "mine.yaml").write_text(render_preset(mine))
    search = load_search(small, ["preset=mine"])
    paths = RunPaths(tmp_path / "run")
    write_search(search, paths)
    (presets / "mine.yaml").unlink()
    again = read_search(paths)
    assert again.base_config == search.base_config
    assert again.preset.provenance == {"run": "first"}
    assert set(read_yaml(paths.presets_file)) == {"mine", "minimal"}


def test_run_without_its_preset_is_a_user_error(small, tmp_path):
    paths = RunPaths(tmp_path / "run")
    write_search(load_search(small), paths)
    paths.presets_file.write_text("other: {}\n")
    with pytest.raises(SearchInvalid, match=r"unknown preset in .*presets.yaml 'minimal'"):
        read_search(paths)


def test_search_on_standard_input_has_its_lines_and_a_name(small, monkeypatch):
    def give(text):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    give(SMALL)
    search = load_search("-")
    assert search.to_mapping() == load_search(small).to_mapping()
    assert default_run_name(search.stem, datetime(2026, 1, 2)).startswith("standard-input-2026")
    give(SMALL.replace("batch_size", "batchsize"))
    with pytest.raises(
        SearchInvalid, match=r"standard input: a mistake\n  line 4: fixed: unknown key"
    ):
        load_search("-")
    give("\xe9" * 3)
    with pytest.raises(SearchInvalid, match=r"standard input: .*\n.*it holds 'ééé'"):
        load_search("-")


def test_search_comes_through_a_pipe_and_is_looked_at_twice(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = SMALL.replace("num_rows: 100", "num_rows: 4")
    writer = threading.Thread(target=pipe.write_text, args=(text,))
    writer.start()
    search = load_search(pipe)
    writer.join()
    with pytest.raises(SearchInvalid, match="line 5: 4 rows are too few"), told_with_lines(pipe):
        load_data(search, None)
