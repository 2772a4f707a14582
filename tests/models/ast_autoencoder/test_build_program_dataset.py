import json
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from models.ast_autoencoder import build_program_dataset
from models.ast_autoencoder.data import DataConfig, load_dataset
from models.commands.process import run_command

FIRST_LANGUAGE = "a4a9d71becfd298ba0a5b9043b667b8acfb6ca9d6c5ce598d7d17c893b1b9bc7"
"""Digest of the language that programs of the plain style keep to."""

COMMAND = [sys.executable, "-m", "models.ast_autoencoder.build_program_dataset"]


@pytest.fixture
def build(capsys):
    """Run the command in this process, which has imported what it takes; return what it said."""

    def run(*arguments):
        capsys.readouterr()
        code = run_command(lambda: build_program_dataset._run([str(each) for each in arguments]))
        out, err = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=out, stderr=err)

    return run


def test_a_small_data_set_is_built_and_described(build, tmp_path):
    folder = tmp_path / "test_dataset"
    done = build("--out", folder, "--n", 5, "--seed", 42, "--workers", 1)
    assert done.returncode == 0, done.stderr
    dataset = load_dataset(DataConfig(data_dir=str(folder)))
    assert (len(dataset.train), len(dataset.val)) == (4, 1)
    assert (folder / "graphs").is_dir()
    for text in ("were rejected", "at most 40", "twins", "0 up to names, 0 in behaviour"):
        assert text in done.stdout
    assert f"models.ast_autoencoder.train --data_dir {folder}" in done.stdout
    assert "generate: 5/5" in done.stderr
    again = build("--out", folder, "--n", 5)
    assert again.returncode == 2
    assert "is not empty" in again.stderr
    other = build("--out", folder, "--n", 6, "--seed", 42, "--overwrite", "--workers", 2)
    assert other.returncode == 0
    assert load_dataset(DataConfig(data_dir=str(folder))).num_rows == 6


def test_a_style_gives_other_programs_and_stands_in_the_metadata(build, tmp_path):
    arguments = ("--n", 40, "--seed", 1, "--workers", 1)
    assert build("--out", tmp_path / "human", *arguments, "--style", "human").returncode == 0
    metadata = json.loads((tmp_path / "human" / "metadata.json").read_text())
    assert metadata["style"] == "human"
    assert metadata["language"] != FIRST_LANGUAGE
    assert load_dataset(DataConfig(data_dir=str(tmp_path / "human"))).num_rows == 40
    assert build("--out", tmp_path / "plain", *arguments).returncode == 0
    metadata = json.loads((tmp_path / "plain" / "metadata.json").read_text())
    assert (metadata["language"], "style" in metadata) == (FIRST_LANGUAGE, False)


def test_a_part_is_held_out_for_the_test(build, tmp_path):
    arguments = ("--n", 20, "--seed", 42, "--workers", 1)
    done = build("--out", tmp_path / "held", *arguments, "--test_share", 0.1)
    assert done.returncode == 0, done.stderr
    assert "20: 14 for training, 4 for validation, 2 for the test" in done.stdout
    assert "test programs with a twin elsewhere: 0 up to names, 0 in behaviour" in done.stdout
    held_out = load_dataset(DataConfig(data_dir=str(tmp_path / "held")))
    assert (len(held_out.train), len(held_out.val), len(held_out.test)) == (14, 4, 2)
    metadata = json.loads((tmp_path / "held" / "metadata.json").read_text())
    assert (metadata["test_share"], metadata["num_test"]) == (0.1, 2)


def test_less_than_a_fifth_validates_where_that_is_asked_for(build, tmp_path):
    done = build(
        *("--out", tmp_path / "less", "--n", 20, "--seed", 42, "--workers", 1),
        *("--val_share", 0.05, "--test_share", 0.1),
    )
    assert done.returncode == 0, done.stderr
    assert "20: 17 for training, 1 for validation, 2 for the test" in done.stdout
    metadata = json.loads((tmp_path / "less" / "metadata.json").read_text())
    assert (metadata["val_share"], metadata["num_val"]) == (0.05, 1)


def test_own_functions_are_collected_and_filled_up(build, tmp_path):
    source = tmp_path / "src"
    source.mkdir()
    (source / "mine.py").write_text(
        "def double(n: int):\n    return n * 2\n\n\n"
        "def shout(text: str):\n    return text.upper() + '!'\n\n\n"
        "def nothing(n: int):\n    return 3 + n * 0\n\n\n"
        "def odd(n):\n    return lambda: n\n"
    )
    done = build("--out", tmp_path / "data", "--from_source", source, "--n", 4, "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert "4 functions, of which 2 are kept" in done.stdout
    assert "lambda is not in the language" in done.stdout
    assert "returns one value on all probes" in done.stdout
    dataset = load_dataset(DataConfig(data_dir=str(tmp_path / "data")))
    assert dataset.num_rows == 6
    assert dataset.program(0).name == "double"
    assert dataset.program(1).names == ("text",)
    assert json.loads(dataset.names[1])["source"] == f"{source / 'mine.py'}:5"
    assert all(e.output == 2 * e.inputs[0] for e in dataset.hidden_examples(0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--n", "1"], "take at least 2"),
        ([], "give --n, random programs to generate, or --from_source"),
        (["--n", "5", "--seed", "-1"], "must not be negative"),
        (["--n", "5", "--workers", "0"], "take at least 1"),
        (["--n", "5", "--test_share", "0.6"], "--test_share 0.6: take 0 to 0.5"),
        (["--n", "5", "--test_share", "-0.1"], "--test_share -0.1: take 0 to 0.5"),
        (["--n", "5", "--test_share", "nan"], "--test_share nan: take 0 to 0.5"),
        (["--n", "5", "--val_share", "0"], "--val_share 0: take more than 0, up to 0.5"),
        (["--n", "5", "--val_share", "0.6"], "--val_share 0.6: take more than 0, up to 0.5"),
        (
            ["--n", "5", "--val_share", "0.5", "--test_share", "0.5"],
            "--val_share 0.5 and --test_share 0.5 leave nothing to train on",
        ),
        (["--n", "5", "--max_steps", "3"], "must be at least 10"),
        (["--from_source", "/proc/nowhere"], "no such folder"),
    ],
)
def test_mistakes_are_told_without_a_traceback(build, tmp_path, arguments, message):
    done = build("--out", tmp_path / "data", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_an_interrupt_leaves_nothing(tmp_path):
    command = [*COMMAND, "--out", str(tmp_path / "data"), "--n", "3000", "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("generate: ")
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []
