"""Checkpoints by name and latents from files, as every model's `use` command finds them."""

from pathlib import Path

import numpy as np
import pytest

from models.checkpoints import write_checkpoint
from models.errors import UserError
from models.model_files import best_in, find_checkpoint, read_latents


def refuse(folder: Path) -> Path:
    raise UserError(f"{folder}: nothing here")


def test_a_file_stands_for_itself(tmp_path):
    path = tmp_path / "a.ckpt"
    path.touch()
    assert find_checkpoint("grammar_vae", str(path), refuse) == path


def test_a_folder_is_left_to_the_model(tmp_path):
    assert find_checkpoint("grammar_vae", str(tmp_path), lambda f: f / "x") == tmp_path / "x"
    with pytest.raises(UserError, match="nothing here"):
        find_checkpoint("grammar_vae", str(tmp_path), refuse)


def test_a_built_in_preset_has_no_checkpoints():
    with pytest.raises(UserError, match=r"train it with python -m models\.grammar_vae\.train"):
        find_checkpoint("grammar_vae", "minimal", refuse)


def test_the_best_of_a_folder_is_by_the_models_first_metric(tmp_path):
    assert best_in("grammar_vae", tmp_path) is None
    for name in ("best-loss-1-0.1000", "best-seq_acc-1-0.2000", "best-seq_acc-2-0.9000"):
        (tmp_path / f"{name}.ckpt").touch()
    assert best_in("grammar_vae", tmp_path) == tmp_path / "best-seq_acc-2-0.9000.ckpt"


def test_of_equals_in_a_folder_the_best_is_by_the_models_secondary_metric(tmp_path):
    for epoch, elbo in enumerate([-20.0, -13.5, -14.0], 1):
        write_checkpoint(
            tmp_path / f"best-seq_acc-{epoch}-0.0000.ckpt",
            {"metrics": {"val/seq_acc": 0.0, "val/elbo": elbo}},
        )
    assert best_in("grammar_vae", tmp_path) == tmp_path / "best-seq_acc-2-0.0000.ckpt"


@pytest.mark.parametrize("save", [np.save, lambda path, a: np.savez(path, latents=a)])
def test_latents_come_from_either_kind_of_file(tmp_path, save):
    path = tmp_path / ("a.npy" if save is np.save else "a.npz")
    save(path, np.eye(2))
    assert (read_latents(path) == np.eye(2)).all()


def test_a_file_without_latents_is_told(tmp_path):
    np.savez(tmp_path / "a.npz", other=np.eye(2))
    with pytest.raises(UserError, match="no array `latents` to read"):
        read_latents(tmp_path / "a.npz")


def test_what_is_neither_file_nor_folder_nor_preset_is_said_to_be_none_of_them(tmp_path):
    (tmp_path / "run_20261122").mkdir()
    with pytest.raises(UserError) as caught:
        find_checkpoint("grammar_vae", str(tmp_path / "run_20261121"), refuse)
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
