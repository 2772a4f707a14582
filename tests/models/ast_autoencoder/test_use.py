"""The command for a trained model."""

import io
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.ast_autoencoder import searching, synthesis, train, trained, use
from models.ast_autoencoder.data import records_of
from models.errors import UserError
from models.programs.data.collection import generate_programs
from models.programs.data.dataset import dataset_of
from models.programs.data.writing import write_dataset
from models.programs.execution.example_text import read_examples
from models.programs.language.from_source import source_to_ids


@pytest.fixture(scope="module")
def run(programs_once, tmp_path_factory):
    """The folder of a short training run."""
    parent = tmp_path_factory.mktemp("runs")
    train.TRAIN.run(
        "--num_programs 30 --hidden_dim 16 --latent_dim 8 --place_dim 4 --epochs 1 --no_wandb "
        f"--device cpu --artifacts_dir {parent}".split()
    )
    return next(parent.glob("run_*"))


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "double.py"
    path.write_text("def double(x: int) -> int:\n    return x * 2\n")
    return path


@pytest.fixture
def command(run, capsys):
    """Run a subcommand; return what it printed."""

    def call(name, *arguments):
        use._run([name, "--model", str(run), *map(str, arguments)])
        return capsys.readouterr().out

    return call


def test_programs_are_encoded_to_a_file_and_decoded_from_it(command, program, tmp_path):
    out = tmp_path / "latents.npz"
    assert "latents (1, 8)" in command("encode", "--file", program, "--out", out)
    assert np.load(out)["latents"].shape == (1, 8)
    assert command("decode", "--latents", out).startswith("def program(")


def test_programs_and_examples_come_from_standard_input(command, program, monkeypatch):
    def give(content):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    give(program.read_bytes())
    shown = command("reconstruct", "--file", program, "-")
    assert shown.count("    return v0 * 2\n") == 2
    with pytest.raises(UserError, match="'-' is given twice, and standard input can be read once"):
        command("interpolate", "--first", "-", "--last", "-")
    give(b"x = 1")
    with pytest.raises(UserError, match=r"^standard input: "):
        command("nearest", "--file", "-", "--data_dir", program.parent)
    give(b'[{"inputs": [[1, 2]], "output": 3}]')
    [example] = read_examples(Path("-"))
    assert (example.inputs, example.output) == (([1, 2],), 3)
    give(b"[")
    with pytest.raises(UserError, match=r"^standard input: cannot be read: "):
        read_examples(Path("-"))


def test_an_export_takes_half_the_space_and_decodes_as_the_checkpoint_does(command, program, run):
    whole, half = run.parent / "whole.safetensors", run.parent / "half.safetensors"
    assert f"wrote {whole} (" in command("export", "--out", whole)
    command("export", "--out", half, "--half")
    model = trained.load_model(use.find_checkpoint(str(run)))
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    # Weights that encoder and decoder share stand in the file once.
    assert whole.stat().st_size < 4.4 * model.network.num_parameters + 20_000
    again = trained.load_model(whole)
    assert (again.config, again.training_data) == (model.config, model.training_data)
    latents = trained.random_latents(model, 5)
    assert trained.decode(again, latents) == trained.decode(model, latents)
    for name, tensor in trained.load_model(half).network.state_dict().items():
        torch.testing.assert_close(tensor, model.network.state_dict()[name], rtol=1e-3, atol=1e-6)


def test_programs_are_reconstructed(command, program):
    text = command("reconstruct", "--file", program)
    assert "# original\ndef program(v0: int) -> int:" in text
    assert "of 1 exact" in text


def test_programs_of_the_test_part_are_reconstructed(command, tmp_path):
    records = records_of(generate_programs(20, 2, num_workers=1))
    for name, share in (("held", 0.2), ("whole", 0.0)):
        write_dataset(dataset_of(records, name, share), tmp_path / name, about={})
    split = ("--split", "test", "--num", 9)
    assert "of 4 exact" in command("reconstruct", "--data_dir", tmp_path / "held", *split)
    with pytest.raises(UserError, match="whole: has no test programs: choose another --split"):
        command("reconstruct", "--data_dir", tmp_path / "whole", *split)


def test_programs_are_interpolated_and_sampled(command, program):
    assert (
        command("interpolate", "--first", program, "--last", program, "--num", 3).count("def ") == 3
    )
    samples = command("sample", "--num", 4, "--temperature", 1.0)
    assert samples.count("def program") == 4
    compile(samples, "samples", "exec")
    assert re.search(r"^# [\d.]+% of 24 runs end with a value, 6 inputs a program", samples, re.M)


def test_a_program_is_sought_by_examples(command):
    text = command("synthesize", "--example", "(1, 2) -> 3", "--max_candidates", 40)
    assert text.startswith("def program(v0: int, v1: int) -> int:")
    assert "of 1 example;" in text
    assert "candidates tried" in text


def test_flags_may_be_repeated_and_none_is_dropped(command, program):
    assert "of 3 exact" in command("reconstruct", "--file", program, program, "--file", program)
    text = command(
        "synthesize", "--example", "(1,) -> 3", "(2,) -> 4", "--example", "(5,) -> 7",
        "--max_candidates", 40,
    )  # fmt: skip
    assert "of 3 examples;" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reconstruct"], "either --file FILE"),
        (["reconstruct", "--file"], "--file: its value is missing"),
        (["synthesize"], "either --example"),
        (["export", "--out", "m.bin"], r"m\.bin: the name of an exported model ends with"),
        (["encode", "--file", "nowhere.py"], r"nowhere\.py: cannot be read"),
        (["decode", "--latents", "nowhere.npz"], "no array `latents`"),
        (["encode", "--file", "f.py", "--out", "."], r"\.: cannot be written: Is a directory"),
        (["encode", "--file"], "--file: its value is missing"),
        (["sample", "--num", "0"], "num is 0: give 1 or more"),
        (["sample", "--seed", "-1"], "seed is -1: give 0 or more"),
        (["sample", "--temperature", "-1"], "temperature is -1.0: give 0"),
        (["sample", "--temperature", "1", "--top_k", "0"], "top_k is 0: give 1 or more"),
        (["sample", "--top_k", "5"], "--top_k 5 would be ignored"),
        (["sample", "--data_dir", "nowhere"], "nowhere"),
        (["decode", "--latents", "x", "--seed", "-1"], "seed is -1: give 0 or more"),
        (["decode", "--latents", "x", "--top_k", "5"], "--top_k 5 would be ignored"),
        (["interpolate", "--first", "a", "--last", "b", "--num", "1"], "num is 1: give 2 or more"),
        (["interpolate", "--first", "a", "--last", "b"], "a: cannot be read"),
        (["nearest", "--file", "a", "--data_dir", "d", "--num", "0"], "num is 0: give 1 or more"),
        (["reconstruct", "--data_dir", "d", "--num", "-1"], "num is -1: give 1 or more"),
        (["synthesize", "--example", "1 -> 2", "--beam", "0"], "beam is 0: give 1 or more"),
        (["synthesize", "--example", "1 -> 2", "--max_candidates", "0"], "max_candidates is 0"),
        (["synthesize", "--example", "1 -> 2", "--seed", "-1"], "seed is -1: give 0 or more"),
        (["synthesize", "--example", "1 -> 2", "1 -> 3"], "examples 1 and 2 contradict"),
        (["synthesize", "--example", "1 -> True", "2 -> 1"], "examples of different types"),
    ],
)
def test_mistakes_are_told_before_the_model_is_sought(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.py").write_text("def f(x: int) -> int:\n    return x\n")
    with pytest.raises(UserError, match=message):
        use._run([arguments[0], "--model", "nowhere", *arguments[1:]])


def test_a_file_is_written_under_the_name_that_was_given(command, program, tmp_path):
    out = tmp_path / "new" / "latents"
    assert str(out) in command("encode", "--file", program, "--out", out)
    assert [path.name for path in out.parent.iterdir()] == ["latents"]
    assert command("decode", "--latents", out).startswith("def program(")


@pytest.mark.parametrize(("flags", "device"), [((), "cuda"), (("--device", "cpu"), "cpu")])
def test_the_model_is_loaded_to_the_device_that_is_asked_for(command, monkeypatch, flags, device):
    """Without the flag it is a GPU where torch sees one."""
    devices = []
    load = trained.load_model
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        trained, "load_model", lambda path, device: [devices.append(device), load(path)][1]
    )
    command("sample", "--num", 1, *flags)
    assert devices == [device]


def test_a_device_that_is_not_there_is_told(command, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="--device cuda: torch sees none"):
        command("sample", "--device", "cuda")


def test_a_search_in_vain_ends_with_1_and_says_so(run, capsys):
    arguments = ["synthesize", "--model", str(run), "--max_candidates", "40"]
    arguments += ["--seconds", "12", "--example"]
    assert use._run([*arguments, "3 -> 123456", "4 -> 987654"]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("def program(v0: int) -> int:")
    assert "# NO SOLUTION: the best program found satisfies 0 of 2 examples; " in printed.out
    assert "# not satisfied: (4,) -> 987654" in printed.out
    assert "no program was found that satisfies all 2 examples" in printed.err
    compile(printed.out, "found", "exec")


def test_the_model_is_searched_where_the_enumeration_found_none(run, capsys, monkeypatch):
    monkeypatch.setattr(synthesis, "_better", _sum_is_best)
    monkeypatch.setattr(searching, "_SHARE", 0.01)  # too little to begin with
    arguments = ["synthesize", "--model", str(run), "--seconds", "40", "--example"]
    assert use._run([*arguments, "(1, 2) -> 3", "(5, 2) -> 7", "(10, 20) -> 30"]) == 0
    printed = capsys.readouterr()
    assert "return v0 + v1" in printed.out
    assert "# satisfies all 3 of 3 examples; " in printed.out


@pytest.mark.parametrize("spelled", [("1 -> 2", "5 -> 6", "9 -> 10"), ("(1,) -> 2", "(7,) -> 8")])
def test_a_program_is_sought_without_a_model(spelled, capsys):
    assert use._run(["synthesize", "--example", *spelled]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("def program(v0: int) -> int:\n    return v0 + 1\n")
    assert f"# satisfies all {len(spelled)} of {len(spelled)} examples; " in printed.out
    assert f"best so far: {len(spelled)} of" in printed.err
    compile(printed.out, "found", "exec")


def test_without_a_model_a_search_in_vain_says_so_too(capsys, tmp_path):
    file = tmp_path / "examples.json"
    rows = [{"inputs": [n], "output": each} for n, each in ((3, 91234), (5, 5), (8, 70771))]
    file.write_text(json.dumps(rows))
    assert use._run(["synthesize", "--seconds", "2", "--examples", str(file)]) == 1
    printed = capsys.readouterr()
    assert "# NO SOLUTION: the best program found satisfies " in printed.out
    assert "# not satisfied: (8,) -> 70771" in printed.out
    assert "no program was found that satisfies all 3 examples within 2 s" in printed.err


def test_flags_about_a_model_are_refused_without_one(tmp_path):
    for flag, value in (("beam", "4"), ("seed", "1"), ("max_candidates", "9"), ("device", "cpu")):
        with pytest.raises(UserError, match=f"--{flag} {value} would be ignored"):
            use._run(["synthesize", "--example", "1 -> 2", f"--{flag}", value])


def test_a_search_shows_how_far_it_is_and_ends_with_0(run, capsys):
    assert use._run(["synthesize", "--model", str(run), "--example", "(1, 2) -> 3"]) == 0
    printed = capsys.readouterr()
    assert re.search("best so far: 1 of 1 example, after [1-9][0-9]* candidates? and", printed.err)
    assert "# satisfies all 1 of 1 example; " in printed.out


ADDS = "def add(a: int, b: int) -> int:\n    return a + b\n"


def _sum_is_best(best, programs, scores):
    return replace(best, program=source_to_ids(ADDS).ids, num_passed=3)


def test_a_file_outside_the_language_is_told_with_its_name(command, tmp_path):
    path = tmp_path / "other.py"
    path.write_text("import os\n")
    with pytest.raises(UserError, match=r"other\.py"):
        command("reconstruct", "--file", path)


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(UserError, match=r"holds no best_model\.pt"):
        use.find_checkpoint(str(tmp_path))


def test_evaluate_says_of_validation_what_training_said(command, run, tmp_path):
    [written] = run.glob("validation_epoch_*.json")
    trained_says = json.loads(written.read_text())
    said = command("evaluate", "--split", "val", "--out", tmp_path / "judged")
    content = json.loads((tmp_path / "judged" / "val.json").read_text())
    of_run = {k: v for k, v in trained_says["metrics"].items() if k.startswith("val/")}
    assert {k: content["metrics"][k] for k in of_run} == pytest.approx(of_run)
    assert content["programs"] == trained_says["programs"]
    lines = said.splitlines()
    assert lines[0].startswith("val: 6 programs of generated-30, ")
    assert lines[1].startswith("exact matches: all ")
    assert lines[-1] == f"wrote {tmp_path / 'judged' / 'val.json'}"
    assert "note:" not in said


def test_evaluate_takes_other_data_and_says_so(command, run, tmp_path):
    data = dataset_of(records_of(generate_programs(40, 5)), "others")
    write_dataset(data, tmp_path / "others", about={})
    said = command("evaluate", "--data_dir", tmp_path / "others", "--split", "train", "--num", 3)
    assert said.startswith(f"train: the first 3 of {len(data.train)} programs of ")
    assert "note: the model was trained on other programs or another split (generated-30)" in said
    with pytest.raises(UserError, match="has no test programs: choose another --split"):
        command("evaluate", "--data_dir", tmp_path / "others")


def test_evaluate_without_data_asks_for_them(command, run, tmp_path):
    alone = tmp_path / "alone.safetensors"
    command("export", "--out", alone)
    with pytest.raises(UserError, match="no data: pass --data_dir, since"):
        use._run(["evaluate", "--model", str(alone)])
