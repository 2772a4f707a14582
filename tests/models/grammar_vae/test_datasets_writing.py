"""A data set is written whole or not at all."""

import errno
import json

import numpy as np
import pytest

from models.errors import UserError
from models.grammar.masks import check_masks, tables
from models.grammar_vae.data import DataConfig, load_dataset
from models.grammar_vae.datasets.writing import check_folder, write_dataset

NAMES = ["prod_20_ids_int16.npy", "prod_20_meta.json", "prod_20_splits.npz"]


@pytest.fixture(scope="module")
def dataset():
    return load_dataset(DataConfig(dataset="equations", num_rows=20))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_files_have_the_names_of_the_row_count(dataset, tmp_path):
    files = write_dataset(dataset, tmp_path / "new" / "data")
    assert names(files.folder) == NAMES
    assert names(tmp_path / "new") == ["data"]


def test_masks_and_text_are_written_on_request(dataset, tmp_path):
    files = write_dataset(dataset, tmp_path / "data", masks=True, texts=["x"] * 20)
    check_masks(np.load(files.ids), np.load(files.masks), tables(dataset.grammar))
    assert files.text.read_text() == "x\n" * 20
    assert json.loads(files.meta.read_text())["masks_path"] == files.masks.name


def test_the_metadata_hold_the_keys_that_others_read(dataset, tmp_path):
    meta = json.loads(write_dataset(dataset, tmp_path / "data").meta.read_text())
    expected = {
        "N": 20,
        "T": dataset.ids.shape[1],
        "P": 12,
        "P_padded": 16,
        "ids_path": "prod_20_ids_int16.npy",
        "masks_path": None,
        "masks_packed": True,
        "digest": dataset.digest,
    }
    assert meta | expected == meta


def test_a_folder_with_a_data_set_is_refused(dataset, tmp_path):
    write_dataset(dataset, tmp_path)
    message = "already holds a data set .*prod_20_ids_int16.npy.*another --out, or --overwrite"
    with pytest.raises(UserError, match=message):
        write_dataset(dataset, tmp_path)


def test_out_must_not_be_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file: give a folder"):
        check_folder(tmp_path / "file", overwrite=True)


def test_overwrite_replaces_the_data_set_and_keeps_other_files(dataset, tmp_path):
    old = load_dataset(DataConfig(dataset="equations", num_rows=30))
    write_dataset(old, tmp_path, masks=True, texts=["x"] * 30)
    (tmp_path / "notes.txt").write_text("mine")
    write_dataset(dataset, tmp_path, overwrite=True)
    assert names(tmp_path) == ["notes.txt", *NAMES]


def test_a_full_disk_leaves_nothing_behind(dataset, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", fail)
    message = "cannot write to .*No space left on device.*free some space or give another --out"
    with pytest.raises(UserError, match=message):
        write_dataset(dataset, tmp_path / "data")
    assert names(tmp_path) == []


def test_a_full_disk_leaves_the_old_data_set_as_it_was(dataset, tmp_path, monkeypatch):
    files = write_dataset(dataset, tmp_path / "data")
    before = {path: path.read_bytes() for path in files.folder.iterdir()}

    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(UserError, match="No space left on device"):
        write_dataset(dataset, files.folder, overwrite=True)
    assert {path: path.read_bytes() for path in files.folder.iterdir()} == before
    assert names(tmp_path) == ["data"]


def test_a_folder_that_cannot_be_made_is_refused(dataset, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write to .*another --out"):
        write_dataset(dataset, tmp_path / "file" / "data")
