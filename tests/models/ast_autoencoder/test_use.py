"""The command for a trained model."""

import re

import numpy as np
import pytest

from models.ast_autoencoder import train, use
from models.ast_autoencoder.data import records_of
from models.errors import UserError
from models.programs.data.collection import generate_programs
from models.programs.data.dataset import dataset_of
from models.programs.data.writing import write_dataset


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a short training run."""
    parent = tmp_path_factory.mktemp("runs")
    train._run(
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
    assert "of 1 examples;" in text
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
        (["synthesize"], "either --example"),
        (["encode", "--file", "nowhere.py"], r"nowhere\.py: cannot be read"),
        (["decode", "--latents", "nowhere.npz"], "no array `latents`"),
    ],
)
def test_mistakes_are_told(arguments, message, command):
    with pytest.raises(UserError, match=message):
        command(*arguments)


def test_a_file_outside_the_language_is_told_with_its_name(command, tmp_path):
    path = tmp_path / "other.py"
    path.write_text("import os\n")
    with pytest.raises(UserError, match=r"other\.py"):
        command("reconstruct", "--file", path)


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(UserError, match=r"holds no best_model\.pt"):
        use.find_checkpoint(str(tmp_path))
