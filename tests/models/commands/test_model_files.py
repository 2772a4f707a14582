"""Checkpoints by name and latents from files, as every model's `use` command finds them."""

import json
from pathlib import Path

import numpy as np
import pytest

from models.commands.model_files import (
    best_in,
    check_output,
    check_output_folder,
    find_checkpoint,
    read_latents,
    write_arrays,
)
from models.errors import UserError
from models.grammar_vae.spec import GRAMMAR_VAE
from models.grammar_vae.use import find_checkpoint as of_run
from models.training.checkpoints import write_checkpoint


def refuse(folder: Path) -> Path:
    raise UserError(f"{folder}: nothing here")


def test_a_file_stands_for_itself(tmp_path):
    path = tmp_path / "a.ckpt"
    path.touch()
    assert find_checkpoint(GRAMMAR_VAE, str(path), refuse) == path


def test_a_folder_is_left_to_the_model(tmp_path):
    assert find_checkpoint(GRAMMAR_VAE, str(tmp_path), lambda f: f / "x") == tmp_path / "x"
    with pytest.raises(UserError, match="nothing here"):
        find_checkpoint(GRAMMAR_VAE, str(tmp_path), refuse)


def test_a_built_in_preset_has_no_checkpoints():
    with pytest.raises(UserError, match=r"train it with python -m models\.grammar_vae\.train"):
        find_checkpoint(GRAMMAR_VAE, "minimal", refuse)


def test_the_best_of_a_folder_is_by_the_models_first_metric(tmp_path):
    assert best_in(GRAMMAR_VAE, tmp_path) is None
    for name in ("best-loss-1-0.1000", "best-seq_acc-1-0.2000", "best-seq_acc-2-0.9000"):
        (tmp_path / f"{name}.ckpt").touch()
    assert best_in(GRAMMAR_VAE, tmp_path) == tmp_path / "best-seq_acc-2-0.9000.ckpt"


def test_of_equals_in_a_folder_the_best_is_by_the_models_secondary_metric(tmp_path):
    for epoch, elbo in enumerate([-20.0, -13.5, -14.0], 1):
        write_checkpoint(
            tmp_path / f"best-seq_acc-{epoch}-0.0000.ckpt",
            {"metrics": {"val/seq_acc": 0.0, "val/elbo": elbo}},
        )
    assert best_in(GRAMMAR_VAE, tmp_path) == tmp_path / "best-seq_acc-2-0.0000.ckpt"


def test_a_best_checkpoint_that_is_gone_from_a_preset_is_noted(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TUNER_PRESETS", str(tmp_path))
    folder = tmp_path / "grammar_vae" / "won"
    folder.mkdir(parents=True)
    metric = "{name: val/seq_acc, value: 0.95, epoch: 14}"
    folder.with_suffix(".yaml").write_text(
        f"won: {{z_dim: 12, provenance: {{metric: {metric}}}}}\n"
    )
    for epoch, value in ((14, "0.9500"), (15, "0.9000")):
        (folder / f"best-seq_acc-{epoch}-{value}.ckpt").touch()
    find_checkpoint(GRAMMAR_VAE, "won", refuse)
    assert capsys.readouterr().err == ""

    (folder / "best-seq_acc-14-0.9500.ckpt").unlink()
    assert find_checkpoint(GRAMMAR_VAE, "won", refuse).name == "best-seq_acc-15-0.9000.ckpt"
    assert capsys.readouterr().err == (
        "note: the preset 'won' has val/seq_acc 0.9500 after epoch 14, whose checkpoint is gone "
        f"from {folder}: best-seq_acc-15-0.9000.ckpt is taken; put the other back, or give a "
        "file\n"
    )
    find_checkpoint(GRAMMAR_VAE, "won", refuse)  # as a command may do, which says so once
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("value", "is_told"), [(0.95, True), (0.90004, False), (None, False)])
def test_a_best_checkpoint_that_is_gone_from_a_run_is_noted(tmp_path, capsys, value, is_told):
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "best-seq_acc-2-0.9000.ckpt").touch()
    lines = [{"epoch": 1, "val/seq_acc": value}, {"epoch": 2, "val/seq_acc": 0.9}]
    (tmp_path / "run" / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n{to")
    assert of_run(str(tmp_path / "run")).name == "best-seq_acc-2-0.9000.ckpt"
    said = capsys.readouterr().err
    assert ("metrics.jsonl has val/seq_acc 0.9500 after epoch 1, whose" in said) == is_told
    assert is_told or said == ""


@pytest.mark.parametrize("save", [np.save, lambda path, a: np.savez(path, latents=a)])
def test_latents_come_from_either_kind_of_file(tmp_path, save):
    path = tmp_path / ("a.npy" if save is np.save else "a.npz")
    save(path, np.eye(2))
    assert (read_latents(path) == np.eye(2)).all()


def test_a_file_without_latents_is_told(tmp_path):
    np.savez(tmp_path / "a.npz", other=np.eye(2))
    with pytest.raises(UserError, match="no array `latents` to read"):
        read_latents(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"", b"some text", b"PK\x03\x04 torn", b"\x93NUMPY"])
def test_a_damaged_file_of_latents_is_told(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.npz: no array `latents` to read") as caught:
        read_latents(tmp_path / "a.npz")
    assert "pickle" not in str(caught.value)


def test_latents_that_no_model_takes_are_told_with_their_file(tmp_path):
    np.save(tmp_path / "a.npy", np.ones(3))
    with pytest.raises(UserError, match=r"a\.npy: latents have shape \(3,\)"):
        read_latents(tmp_path / "a.npy")


def test_arrays_lie_under_the_name_that_was_given(tmp_path):
    write_arrays(tmp_path / "new" / "x", latents=np.eye(2))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["x"]
    assert (read_latents(tmp_path / "new" / "x") == np.eye(2)).all()


def test_where_nothing_can_be_written_is_told_before(tmp_path):
    (tmp_path / "file").touch()
    check_output(tmp_path / "file")
    check_output(tmp_path / "new" / "folder" / "x")
    check_output(Path("x"))
    with pytest.raises(UserError, match="cannot be written: Is a directory"):
        check_output(tmp_path)
    with pytest.raises(UserError, match=r"cannot be written: .*file is not a folder"):
        check_output(tmp_path / "file" / "x")
    with pytest.raises(UserError, match=r"cannot be written: .*file is not a folder"):
        check_output_folder(tmp_path / "file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_what_is_neither_file_nor_folder_nor_preset_is_said_to_be_none_of_them(tmp_path):
    (tmp_path / "run_20261122").mkdir()
    with pytest.raises(UserError) as caught:
        find_checkpoint(GRAMMAR_VAE, str(tmp_path / "run_20261121"), refuse)
    assert str(caught.value).startswith(
        f"{tmp_path}/run_20261121: there is no such file or folder. Did you mean 'run_20261122'? "
        "Nor is it a preset: unknown grammar_vae preset"
    )


@pytest.mark.parametrize("content", [b"x + 1\n", b""])
def test_what_is_no_array_is_told_without_advice_to_unpickle(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"no array `latents` .*it is (text|empty)") as caught:
        read_latents(tmp_path / "a.npz")
    assert "pickle" not in str(caught.value)
