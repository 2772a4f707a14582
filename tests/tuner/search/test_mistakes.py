"""All mistakes of a search at once, each with the line it stands in, before anything starts."""

import time

import pytest

from models.errors import UserError
from tuner.errors import SearchInvalid
from tuner.record.earlier_runs import with_earlier_runs
from tuner.search.loading import load_data, load_search, told_with_lines
from tuner.search.machine import Machine, this_machine

SMALL = Machine(cpu=2, gpu=0, memory_gb=8.0)
WRONG = """\
model: grammar_vae
preset: minimal
fixed:
  betta: 0.5
  z_dim: 0
  decoder_layers: 100000000
data: {dataset: equations, num_rows: 1000000000}
space:
  lr: {uniform: [1, 0.1]}
  lrr: {int: [1, 2]}
  encoder_hidden: {int: [8, 1000000000]}
  decoder_dropout: {uniform: [0.0, 0.5], step: 1e-300}
objective: {metric: val/sequence, mode: max}
searcher: {sampler: tpee}
scheduler:
  max_epochs: 10000000000000000000000
budget: {num_trials: 1e20}
resources: {cpu: 64, gpu: 2}
keep: {topk: 1}
"""


def mistakes(tmp_path, text, *overrides, machine=SMALL):
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(SearchInvalid) as caught:
        load_search(file, overrides, check_files=True, machine=machine)
    return [str(each) for each in caught.value.mistakes]


def test_every_mistake_of_every_block_is_told_with_its_line_in_the_files_order(tmp_path):
    found = mistakes(tmp_path, WRONG)
    starts = [line.partition(": ")[0] for line in found]
    assert starts == [f"line {n}" for n in (4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 16, 17, 18, 18, 19)]
    for place in ("fixed: unknown key 'betta'. Did you mean 'beta'", "data.num_rows is 1000000000"):
        assert any(place in line for line in found)
    assert any("resources.cpu is 64.0: this machine has 2 processors: take 2" in x for x in found)
    assert any("resources.gpu is 2.0: this machine has 0 GPUs" in line for line in found)


def test_what_was_set_on_the_command_line_has_no_line(tmp_path):
    found = mistakes(tmp_path, WRONG, "space.lr={uniform: [3, 2]}", "fixed=null")
    assert "--set: space.lr.uniform: low (3) must be below high (2): swap them" in found


@pytest.mark.parametrize("block", ["", "fixed:\n", "space:\n"])
def test_of_many_unknown_keys_the_first_are_told_and_the_number_of_the_rest(tmp_path, block):
    indent = "  " if block else ""
    text = block + "".join(f"{indent}k{i}: {{int: [1, 2]}}\n" for i in range(20_000))
    found = mistakes(tmp_path, "model: grammar_vae\npreset: minimal\n" + text)
    unknown = [line for line in found if "k0" in line or "k19" in line or "more unknown" in line]
    assert any("19,980 more unknown keys" in line for line in unknown)
    assert not any("k20" in line for line in found)


def test_very_many_mistakes_are_counted(tmp_path):
    options = ", ".join(f"x{i}" for i in range(300))
    text = f"model: grammar_vae\npreset: minimal\nspace: {{z_dim: {{choice: [{options}]}}}}\n"
    with pytest.raises(SearchInvalid, match=r"\.\.\. and 202 more"):
        load_search(_file(tmp_path, text))


@pytest.mark.parametrize(
    "change",
    [
        "space.decoder_dropout={uniform: [0.0, 0.5], step: 1e-300}",
        "budget.num_trials=1e20",
        "budget.num_trials=100000000000000000000",
        "scheduler={max_epochs: 1000000, reduction_factor: 1.0000001}",
        "scheduler.max_epochs=1e22",
        "scheduler.max_epochs=10000000000000000000000",
        "resources.cpu=1e300",
        "resources.cpu=64",
        "resources.gpu=1",
        "space.z_dim={int: [8, 1000000000]}",
        "space.beta={uniform: [0, 1.7e308]}",
        f"space.beta={{uniform: [0, 1{'0' * 400}]}}",
        f"space.z_dim={{choice: [8, 1{'0' * 400}]}}",
        "space.beta={log_uniform: [1e-320, 1]}",
        "fixed.decoder_layers=100000000",
        "fixed.encoder_hidden=100000000",
        "budget.hours=1e300",
        "scheduler.trial_timeout=1e300",
        "data.seed=100000000000000000000000",
        "data.num_rows=10000000000000",
        "data={prod: nowhere.npy}",
    ],
)
def test_what_cannot_be_run_is_one_clear_mistake_at_once(change):
    start = time.process_time()
    with pytest.raises(SearchInvalid) as caught:
        load_search("grammar_vae/quickstart", [change], check_files=True, machine=SMALL)
    assert len(caught.value.mistakes) == 1
    assert time.process_time() - start < 2.0


def test_without_a_machine_its_size_is_not_looked_at():
    assert load_search("grammar_vae/quickstart", ["resources={cpu: 64, gpu: 4}"])


def test_this_machine_has_processors_and_memory():
    machine = this_machine()
    assert machine.cpu >= 1
    assert machine.gpu >= 0
    assert machine.memory_gb > 0.1


def test_hidden_cards_do_not_count(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert this_machine().gpu == 0


def test_keys_of_fixed_that_contradict_each_other_do_not_hide_mistakes_in_the_space(tmp_path):
    text = """\
model: grammar_vae
preset: minimal
fixed: {encoder_conv_layers: 2, encoder_kernel: [3, 5, 7]}
data: {dataset: equations, num_rows: 100}
space: {lrr: {uniform: [0.1, 0.2]}}
scheduler: {max_epochs: 4}
budget: {num_trials: 2}
"""
    first, second = mistakes(tmp_path, text)
    assert first.startswith("line 3: fixed: encoder_kernel has 3 numbers")
    assert second.startswith("line 5: space.lrr: the preset has no such key")


def _file(tmp_path, text):
    file = tmp_path / "many.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000 + "a",
        "a: &a [*a]",
        "? " * 5000,
        "\x00",
        "a: !!python/none",
    ],
)
def test_hostile_yaml_is_a_user_error(tmp_path, text):
    with pytest.raises(UserError):
        load_search(_file(tmp_path, text))


def test_aliases_that_stand_for_a_billion_values_are_refused(tmp_path):
    levels = "".join(f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 10)}]\n" for i in range(9))
    with pytest.raises(UserError, match="line 6: with its aliases written out, over 1,000,000"):
        load_search(_file(tmp_path, f"a0: &a0 [{', '.join('0' * 10)}]\n{levels}"))


def test_merged_keys_that_double_forty_times_are_refused(tmp_path):
    levels = "".join(f"a{i + 1}: &a{i + 1} {{<<: [*a{i}, *a{i}]}}\n" for i in range(40))
    with pytest.raises(UserError, match="over 1,000,000"):
        load_search(_file(tmp_path, f"a0: &a0 {{k: 1}}\n{levels}"))


def test_keys_that_hang_on_a_changed_one_are_told_with_the_changes_to_add():
    with pytest.raises(SearchInvalid) as caught:
        load_search("grammar_vae/quickstart", ["scheduler.name=fifo"])
    assert "line 31: scheduler.grace_epochs means nothing to fifo" in str(caught.value)
    added = "--set scheduler.grace_epochs=null --set scheduler.reduction_factor=null"
    assert f"add {added}, which removes what is idle now" in str(caught.value)
    changes = [each.strip() for each in f" {added}".split("--set ")[1:]]
    assert load_search("grammar_vae/quickstart", ["scheduler.name=fifo", *changes])


def test_changes_that_do_not_fit_are_told_to_be_made_together():
    with pytest.raises(SearchInvalid, match="without --set the file has no mistakes: keys that"):
        load_search("grammar_vae/quickstart", ["objective.metric=val/kl", "objective.mode=max"])


def test_a_file_with_mistakes_of_its_own_has_no_such_hint(tmp_path):
    with pytest.raises(SearchInvalid) as caught:
        load_search(_file(tmp_path, WRONG), ["keep.top_k=2"])
    assert "without --set" not in str(caught.value)


WALK = """\
model: grammar_vae
preset: minimal
data: {dataset: equations, num_rows: 300}
space:
  lr: {log_uniform: [1e-4, 1e-2]}
scheduler: {max_epochs: 4}
budget: {num_trials: 2}
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("space=[lr, beta]", "space is ['lr', 'beta']: nothing is searched"),
        ("space.beta=true", "True is no domain: write {choice: [one, another]}"),
        ("space.beta=0.5", "0.5 is no domain: write {uniform: [low, high]}"),
        ("space.z_dim={int: [8.5, 16]}", "8.5 must be a whole number up to 2**53, without a point"),
        ("space.z_dim={int: [8, 1e3]}", "write 1000, or use uniform"),
        (
            "space.encoder_kernel={list: {choice: [3, 5]}, length: 1000000000}",
            "length is 1000000000: a list has 1 to 1,000 items",
        ),
        (
            f"space.lr={{choice: [{', '.join(f'1e-{n}' for n in range(1, 1200))}]}}",
            "it has 1,199 values, and a choice has 1,000 at most",
        ),
        (
            "space.encoder_style={choice: [plain, " + "x" * 9999 + "]}",
            "(10,001 letters) is not",
        ),
        (
            "preset=mine.yaml",
            "A preset is named, not its file: put the file into presets/",
        ),
        (
            "searcher.warm_start=[{rum: a}]",
            "0 is {'rum': 'a'}: give the name of a preset",
        ),
        ("searcher.warm_start=[{run: a, tpo: 3}]", "give the name of a preset, or {run: NAME, top"),
        (
            "searcher.warm_start=[{run: a, top: 0}]",
            "0.top is 0: give a value above",
        ),
        ("storage=postgresql://me:secret@host/db", "storage is 'postgresql://***@host/db'"),
        (
            "notify={webhook: $NOWHERE}",
            "names the variable NOWHERE, which is not set",
        ),
        (
            "scheduler={name: pbt, max_epochs: 4, interval_epochs: 1, population: 8}",
            "room for 2 trials of resources cpu 1, gpu 0: take resources.cpu 0.25, or a smaller",
        ),
    ],
)
def test_a_mistake_has_its_place_its_value_and_what_to_do(tmp_path, change, message):
    more = ("searcher.sampler=random", "budget.num_trials=20") if "pbt" in change else ()
    (found,) = mistakes(tmp_path, WALK, change, *more)
    assert found.startswith("--set: ")
    assert message in found
    assert len(found) < 1500


def test_mistakes_of_one_block_are_told_together(tmp_path):
    first, second = mistakes(tmp_path, WALK + "notify: {webhook: 'ftp://x', command: ''}\n")
    assert first.startswith("line 8: notify: webhook is no URL")
    assert second.startswith("line 8: notify: command is empty")


@pytest.mark.parametrize(
    "when",
    [
        # The one is searched only where the other has another value.
        "cyclical_beta: {choice: [true, false]}\n"
        "  kl_anneal_epochs: {int: [0, 3], when: {cyclical_beta: false}}\n"
        "  beta: {uniform: [0.1, 0.2], when: {cyclical_beta: true, kl_anneal_epochs: 2}}",
        # A formula that gives even numbers.
        "decoder_layers: {int: [1, 3]}\n"
        "  kl_anneal_epochs: {expr: decoder_layers * 2}\n"
        "  beta: {uniform: [0.1, 0.2], when: {kl_anneal_epochs: 5}}",
    ],
)
def test_conditions_that_never_hold_together_are_a_mistake(tmp_path, when):
    (found,) = mistakes(tmp_path, WALK.replace("lr:", f"{when}\n  lr:"))
    assert found.startswith("line 7: space.")
    assert ".when: its conditions hold together at none of 2,000 points" in found
    possible = when.replace("true, kl", "false, kl").replace(": 5}", ": 4}")
    assert load_search(_file(tmp_path, WALK.replace("lr:", f"{possible}\n  lr:")))


def test_keys_may_be_merged_from_an_anchor(tmp_path):
    text = WALK.replace("{log_uniform", "&range {log_uniform", 1)
    text = text.replace("scheduler:", "  beta: {<<: *range, log_uniform: [1e-3, 1]}\nscheduler:")
    search = load_search(_file(tmp_path, text))
    assert search.space.parameter("beta").extremes == (1e-3, 1.0)
    assert search.space.parameter("lr").extremes == (1e-4, 1e-2)
    (found,) = mistakes(tmp_path, text.replace("<<: *range, log", "<<: *range, step: 0, log"))
    assert found.startswith("line 6: space.beta")


def test_what_the_data_and_earlier_runs_are_refused_for_has_its_line(tmp_path):
    few = _file(tmp_path, WALK.replace("300", "3"))
    with pytest.raises(SearchInvalid, match="line 3: 3 rows are too few"), told_with_lines(few):
        load_data(load_search(few), None)
    begun = _file(tmp_path, WALK + "searcher: {warm_start: [{run: nowhere}]}\n")
    with pytest.raises(SearchInvalid, match="line 8: unknown run"), told_with_lines(begun):
        search = load_search(begun)
        with_earlier_runs(search, load_data(search, None))
