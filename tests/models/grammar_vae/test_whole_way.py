"""From a user's own text to samples: build a data set, train on it, use the model."""

import json
import sys

import numpy as np
import pytest

from models.commands.process import run_command
from models.config_file import read_yaml
from models.grammar.grammar import load_grammar
from models.grammar.parsing import TextParser
from models.grammar_vae import build_dataset, train, use

GRAMMAR = """
start: SUM
spaced: ["+"]
productions:
  - SUM -> TERM '+' SUM
  - SUM -> TERM
  - TERM -> 'x'
  - TERM -> NUM
  - NUM -> DIGIT
  - NUM -> DIGIT '.' DIGIT
  - DIGIT -> '1'
  - DIGIT -> '2'
"""
NETWORK = (
    *("--z_dim", "4", "--encoder_hidden", "8", "--encoder_conv_layers", "2"),
    *("--encoder_kernel", "3", "--decoder_hidden", "8", "--decoder_layers", "1"),
    *("--batch_size", "16", "--precision", "float32", "--epochs", "2", "--run_name", "own"),
)


@pytest.fixture(autouse=True)
def _working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def command(capsys, monkeypatch):
    """Run a command of the package; returns exit code, stdout and stderr."""

    def run(module, *arguments):
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["command", *map(str, arguments)])
        code = run_command(lambda: module._run([str(argument) for argument in arguments]))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def own_data(tmp_path, command):
    """40 sums in a grammar of the user's own, built with masks."""
    (tmp_path / "my.yaml").write_text(GRAMMAR)
    terms = ["x", "1", "2", "1.2", "2.1"]
    sums = [f"{a} + {b}" for a in terms for b in terms]
    (tmp_path / "my.txt").write_text("".join(f"{text}\n" for text in terms + sums))
    flags = ("--text", "my.txt", "--grammar", "my.yaml", "--out", "data", "--masks")
    assert command(build_dataset, *flags)[0] == 0
    return tmp_path / "data"


def test_a_grammar_of_ones_own_goes_all_the_way(command, own_data, tmp_path):
    ids = own_data / "prod_30_ids_int16.npy"
    code, out, _ = command(train, "--prod", ids, "--grammar", "my.yaml", *NETWORK)
    assert code == 0
    assert "coefficients: " in out
    run = tmp_path / "training_artifacts" / "own"
    assert read_yaml(run / "run.yaml")["data"]["grammar"] == str(tmp_path / "my.yaml")
    code, out, _ = command(use, "sample", "--model", run, "--num", 20)
    parser = TextParser(load_grammar(str(tmp_path / "my.yaml")))
    assert [parser.derive(text) for text in out.splitlines()]
    assert len(out.splitlines()) == 20


def test_reports_of_training_and_of_use_agree(command, own_data, tmp_path, monkeypatch):
    """Also from another folder, since settings hold whole paths; and on an export."""
    relative = own_data.relative_to(tmp_path) / "prod_30_ids_int16.npy"
    _, trained, _ = command(train, "--prod", relative, *NETWORK)
    run = tmp_path / "training_artifacts" / "own"
    stored = json.loads((run / "report.json").read_text())
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    checkpoint = tmp_path / stored["checkpoint"]
    code, out, err = command(use, "evaluate", "--model", checkpoint, "--out", "again")
    assert (code, err) == (0, "")
    assert [line for line in out.splitlines() if "token_acc" in line] == [
        line for line in trained.splitlines() if "token_acc" in line and "epoch" not in line
    ]
    again = json.loads((tmp_path / "elsewhere" / "again" / "report.json").read_text())
    different = {key for key in stored if stored[key] != again[key]}
    assert different <= {"checkpoint"}
    exported = tmp_path / "m.safetensors"
    assert command(use, "export", "--model", checkpoint, "--out", exported)[0] == 0
    ids = tmp_path / relative
    _, of_export, _ = command(use, "evaluate", "--model", exported, "--prod", ids)
    assert of_export.splitlines()[1:] == out.splitlines()[1 : len(of_export.splitlines())]


def test_an_export_needs_to_be_told_the_data(command, own_data, tmp_path):
    command(train, "--prod", own_data / "prod_30_ids_int16.npy", *NETWORK)
    run = tmp_path / "training_artifacts" / "own"
    _, out, _ = command(use, "export", "--model", run, "--out", "m.safetensors")
    assert out.startswith("wrote m.safetensors (0.0 MB, ")
    code, _, err = command(use, "evaluate", "--model", "m.safetensors")
    assert code == 2
    assert "no data: pass --prod ids.npy or --dataset, since m.safetensors does not lie in" in err


def test_ids_and_masks_alone_train_but_decode_to_no_text(command, own_data, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("ids_int16", "masks_packed"):
        array = np.load(own_data / f"prod_30_{name}.npy")
        np.save(bare / f"{name}.npy", array)
    data = ("--prod", bare / "ids_int16.npy", "--masks", bare / "masks_packed.npy")
    code, out, _ = command(train, *data, *NETWORK)
    assert code == 0
    assert "coefficients: not available without a grammar" in out
    assert "prior samples: not available without a grammar" in out
    run = tmp_path / "training_artifacts" / "own"
    assert not (run / "prior_samples.txt").exists()
    stored = json.loads((run / "report.json").read_text())
    assert (stored["prior"], stored["coefficients"]) == (None, None)
    assert 0 < stored["token_acc_baselines"]["most_frequent"] < 1
    for action in (("sample",), ("interpolate", "--first", "x", "--last", "1")):
        code, _, err = command(use, *action, "--model", run)
        assert code == 2
        assert "trained on ids and masks without a grammar, so it has no text" in err
    assert command(use, "evaluate", "--model", run)[0] == 0
    assert command(use, "export", "--model", run, "--out", "m.safetensors")[0] == 0
    assert command(use, "evaluate", "--model", "m.safetensors", *data)[0] == 0


def test_logging_is_remembered_by_a_resume(command, own_data, tmp_path):
    ids = own_data / "prod_30_ids_int16.npy"
    _, out, _ = command(train, "--prod", ids, *NETWORK, "--tensorboard")
    assert "TensorBoard: tensorboard --logdir training_artifacts/own/tensorboard" in out
    run = tmp_path / "training_artifacts" / "own"
    assert read_yaml(run / "run.yaml")["log"]["tensorboard"] is True
    last = run / "checkpoints" / "last.ckpt"
    code, out, _ = command(train, "--resume", last, "--epochs", 3)
    assert code == 0
    assert "TensorBoard: " in out
    assert len(list((run / "tensorboard").glob("events.*"))) == 2
    code, out, _ = command(train, "--resume", last, "--epochs", 4, "--tensorboard", "false")
    assert (code, "TensorBoard: " in out) == (0, False)


def test_mistakes_in_logging_flags_leave_nothing_behind(command, own_data, tmp_path):
    ids = own_data / "prod_30_ids_int16.npy"
    code, _, err = command(train, "--prod", ids, *NETWORK, "--wandb_run", "a")
    assert (code, "--wandb_run a would be ignored" in err) == (2, True)
    code, _, err = command(train, "--prod", ids, *NETWORK, "--wandb_project", "a/b")
    assert (code, "W&B refuses" in err) == (2, True)
    assert not (tmp_path / "training_artifacts").exists()
