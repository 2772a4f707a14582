import dataclasses

import pytest

from models.config_file import read_yaml
from models.errors import UserError
from models.presets import find_preset, render_preset
from tuner.config import load_search, read_search, write_search
from tuner.errors import SearchInvalid
from tuner.paths import RunPaths, is_run
from tuner.search_blocks import Objective

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
    return caught.value.mistakes


def test_settings_come_from_preset_fixed_and_scheduler(small):
    search = load_search(small)
    assert search.base_config == dataclasses.replace(
        find_preset("grammar_vae", "minimal").config, batch_size=64, epochs=6
    )
    assert (search.stem, search.spec.name) == ("small", "grammar_vae")


def test_defaults_are_filled_in(small):
    search = load_search(small)
    assert search.objective == Objective(metric="val/seq_acc", mode="max")
    assert (search.searcher.sampler, search.scheduler.name) == ("tpe", "asha")
    assert (search.resources.cpu, search.resources.gpu, search.keep.top_k) == (1, 0, 3)
    assert search.budget.hours is None


def test_settings_at_a_point_are_those_of_the_preset_elsewhere(small):
    search = load_search(small)
    config = search.config_for({"cyclical_beta": False, "encoder_kernel": [3, 5]})
    assert config.encoder_kernel == (3, 5)
    assert config.cycle_epochs == search.base_config.cycle_epochs
    with pytest.raises(UserError, match="encoder_kernel has 3 numbers"):
        search.config_for({"encoder_kernel": [3, 5, 3]})


def test_warm_start_is_a_point_of_the_space(small):
    (start,) = load_search(small).warm_starts
    assert start.preset.name == "minimal"
    assert start.values == {"cyclical_beta": False, "encoder_kernel": [3, 3]}


def test_command_line_goes_before_the_file(small):
    search = load_search(small, ["budget.num_trials=9", "space.lr={log_uniform: [1e-4, 1e-2]}"])
    assert search.budget.num_trials == 9
    assert "lr" in search.space.keys
    assert "lr" not in load_search(small).space.keys


def test_random_searcher_draws_at_random(small):
    assert load_search(small, ["searcher.name=random"]).searcher.sampler == "random"


def test_several_objectives_are_kept(small):
    search = load_search(small, ["objective=[{metric: val/seq_acc}, {metric: val/kl}]"])
    assert [item.mode for item in search.objectives] == ["max", "min"]
    assert search.objective == search.objectives[0]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model=null", "model is None: give a name"),
        ("model=grammar_ave", "Did you mean 'grammar_vae'"),
        ("preset=minimul", "unknown grammar_vae preset 'minimul'. Did you mean 'minimal'"),
        ("preset=3", "preset is 3: give a name"),
        ("presets=x", "presets: a search has no such key. Did you mean 'preset'"),
        ("data.dataset=pdf", "data: dataset is 'pdf'"),
        ("data=pde", "data is 'pde': give its keys"),
        ("budget=8", "budget is 8: give its keys, budget: {...}"),
        ("budget=null", "budget: num_trials is missing"),
        ("scheduler=null", "scheduler: max_epochs is missing"),
        ("fixed.epochs=3", "fixed.epochs: set scheduler.max_epochs instead"),
        ("fixed.cyclical_beta=true", "fixed.cyclical_beta is searched too"),
        ("fixed.betta=1", "fixed: unknown key 'betta'. Did you mean 'beta'"),
        ("fixed.beta=-1", "fixed: beta is -1"),
        ("space=null", "space: nothing is searched"),
        ("space.beta={uniform: [1, 0]}", "space.beta.uniform: low (1) must be below high (0)"),
        ("searcher.warm_start=[minimul]", "Did you mean 'minimal'"),
        ("scheduler={name: fifo, max_epochs: 3, grace_epochs: 1}", "means nothing to fifo"),
        ("objective.metric=val/acc", "objective.metric: unknown metric"),
    ],
)
def test_mistake_is_explained(small, override, message):
    (mistake,) = mistakes(small, override)
    assert message in mistake


def test_all_mistakes_are_reported_at_once(small):
    found = mistakes(
        small,
        "preset=minimul",
        "data.num_row=3",
        "space.beta={uniform: [0, .inf]}",
        "space.lrr={uniform: [0, 1]}",
        "objective.metric=val/acc",
        "scheduler.max_epochs=0",
        "budget.num_trials=0",
        "keep.topk=2",
        "extra=1",
    )
    assert len(found) == 9


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "space.beta={log_uniform: [1e-3, 0.5]}",
            "minimal has beta = 1.0, which is outside the space (nearest: 0.5): widen space.beta",
        ),
        ("space.z_dim={choice: [16, 24, 48]}", "z_dim = 32, which is outside .* (nearest: 24)"),
        ("space.z_dim={int: [8, 64], step: 7}", "z_dim"),
        ("space.encoder_kernel.list={choice: [5, 9]}", "encoder_kernel = [3, 3]"),
        ("searcher.warm_start=[minimal, large, enhanced_v1, kusner_original]", "widen"),
    ],
)
def test_warm_start_outside_the_space_names_the_nearest_value(small, override, message):
    found = mistakes(small, override)
    assert all(part in " ".join(found) for part in message.split(".*"))


def test_more_warm_starts_than_trials_are_refused(small):
    found = mistakes(small, "searcher.warm_start=[minimal, kusner_original]", "budget.num_trials=1")
    assert "names 2 presets for 1 trials" in found[0]


def test_metric_that_the_space_moves_is_refused(small):
    found = mistakes(
        small,
        "objective.metric=val/loss",
        "space.beta={log_uniform: [1e-3, 1]}",
    )
    assert "val/loss cannot compare trials while beta is searched" in found[0]


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
    mine = dataclasses.replace(find_preset("grammar_vae", "minimal"), name="mine")
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
