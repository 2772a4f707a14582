import json
import zipfile

import numpy as np
import pytest

from models.ast_autoencoder.data import records_of
from models.ast_autoencoder.language.program import Program
from models.ast_autoencoder.programs import files as files_module
from models.ast_autoencoder.programs import writing
from models.ast_autoencoder.programs.chunks import make_chunk
from models.ast_autoencoder.programs.collection import Generated
from models.ast_autoencoder.programs.dataset import ProgramRecord, dataset_of
from models.ast_autoencoder.programs.examples import NUM_VISIBLE, text_to_examples
from models.ast_autoencoder.programs.reading import read_dataset
from models.ast_autoencoder.programs.writing import check_folder, write_dataset
from models.errors import UserError


@pytest.fixture(scope="module")
def records(chunk):
    programs, rejected = chunk
    generated = Generated(programs=tuple(programs), rejected=rejected, num_drawn=100)
    own = programs[0]
    named = ProgramRecord(
        program=Program(ids=own.ids, name="größe", names=("länge", "b")),
        behaviour=own.behaviour,
        examples_text=own.examples_text,
        source="my file.py:3",
    )
    return [named, *records_of(generated)[1:]]


@pytest.fixture(scope="module")
def chunk():
    return make_chunk(8, 0, 60)


@pytest.fixture
def dataset(records):
    return dataset_of(records, "mine")


@pytest.fixture
def folder(dataset, tmp_path):
    path = tmp_path / "programs"
    write_dataset(dataset, path, about={"seed": 8})
    return path


def assert_equal(one, other):
    for name in ("ids", "lengths", "train", "val", "behaviours"):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert mine.dtype == theirs.dtype
        assert np.array_equal(mine, theirs)
    assert [one.examples[row] for row in range(one.num_rows)] == [
        other.examples[row] for row in range(other.num_rows)
    ]
    assert one.digest == other.digest


def test_a_data_set_comes_back_as_it_was_written(dataset, folder, records):
    found = read_dataset(folder)
    assert_equal(found, dataset)
    assert found.name == "mine"
    assert found.program(0) == records[0].program
    assert json.loads(found.names[0])["source"] == "my file.py:3"
    assert found.program(1) == Program(ids=records[1].program.ids)
    assert found.names[1] == ""
    assert found.examples[2] == records[2].examples_text
    assert found.hidden_examples(2) == text_to_examples(records[2].examples_text)[NUM_VISIBLE:]
    assert found.has_examples


def test_shards_are_joined(dataset, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "SHARD_PROGRAMS", 7)
    write_dataset(dataset, tmp_path / "shards", about={})
    assert len(list((tmp_path / "shards" / "graphs").iterdir())) > 3
    assert_equal(read_dataset(tmp_path / "shards"), dataset)
    assert files_module.SHARD_PROGRAMS == 10_000


def test_metadata_say_what_the_folder_holds(dataset, folder):
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["num_programs"] == dataset.num_rows
    assert metadata["num_train"] + metadata["num_val"] == dataset.num_rows
    assert metadata["seed"] == 8
    assert metadata["duplicates"]["val_with_behaviour_in_train"] == 0


def test_files_hold_plain_arrays(folder):
    with zipfile.ZipFile(folder / "graphs" / "programs_00000.npz") as archive:
        names = {name.removesuffix(".npy") for name in archive.namelist()}
    assert {"ids", "lengths", "is_val", "examples_text", "behaviour_digests"} <= names
    with np.load(folder / "graphs" / "programs_00000.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays)


def test_twins_are_on_one_side(records):
    twice = [*records[:20], *records[:20]]
    found = dataset_of(twice, "twins")
    counts = found.twin_counts()
    assert counts["different_programs"] == 20
    assert counts["largest_class"] == 2
    assert counts["val_with_program_in_train"] == counts["val_with_behaviour_in_train"] == 0
    assert len(found.val)


def test_a_folder_that_holds_something_is_not_touched(dataset, folder, tmp_path):
    with pytest.raises(UserError, match=r"is not empty: give another --out, or --overwrite"):
        check_folder(folder, overwrite=False)
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="holds no data set of programs"):
        write_dataset(dataset, other, about={}, overwrite=True)
    assert (other / "thesis.txt").read_text() == "mine"
    with pytest.raises(UserError, match="is a file"):
        check_folder(other / "thesis.txt", overwrite=True)


def test_overwriting_replaces_everything(dataset, folder, records):
    fewer = dataset_of(records[:10], "fewer")
    write_dataset(fewer, folder, about={}, overwrite=True)
    assert_equal(read_dataset(folder), fewer)
    assert [path.name for path in folder.parent.iterdir()] == ["programs"]


def test_an_empty_folder_will_do(dataset, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    write_dataset(dataset, folder, about={}, overwrite=False)
    assert read_dataset(folder).num_rows == dataset.num_rows


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_what_was_there(dataset, folder, monkeypatch, error, records):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(writing.np, "savez_compressed", fail)
    expected = UserError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected, match=r"No space left|^$"):
        write_dataset(dataset_of(records[:10], "fewer"), folder, about={}, overwrite=True)
    assert_equal(read_dataset(folder), dataset)
    assert [path.name for path in folder.parent.iterdir()] == ["programs"]


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])


def test_broken_folders_are_told(dataset, folder, tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        read_dataset(tmp_path / "none")
    with pytest.raises(UserError, match=r"metadata.json: missing"):
        read_dataset(tmp_path)
    shard = folder / "graphs" / "programs_00000.npz"
    whole = shard.read_bytes()
    cut(shard)
    with pytest.raises(UserError, match="damaged"):
        read_dataset(folder)
    shard.unlink()
    with pytest.raises(UserError, match="no such file"):
        read_dataset(folder)
    shard.write_bytes(whole)
    with np.load(shard) as arrays:
        changed = dict(arrays)
    changed["ids"] = changed["ids"][:, ::-1]
    np.savez(shard, **changed)
    with pytest.raises(UserError, match="not those that"):
        read_dataset(folder)
    changed["ids"] = changed["ids"].astype(float)
    np.savez(shard, **changed)
    with pytest.raises(UserError, match="damaged: ids is float64"):
        read_dataset(folder)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", "other", "missing, or not of a data set of programs"),
        ("version", 99, "version 99, but version 1 is read"),
        ("language", "abc", "another version of the language"),
        ("shards", None, "incomplete"),
        ("digest", "abc", "not those that"),
    ],
)
def test_other_metadata_are_refused(folder, key, value, message):
    path = folder / "metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(UserError, match=message):
        read_dataset(folder)


def test_pickled_arrays_are_not_read(folder):
    shard = folder / "graphs" / "programs_00000.npz"
    with np.load(shard) as arrays:
        changed = dict(arrays)
    changed["ids"] = np.array([{"a": 1}], dtype=object)
    np.savez(shard, **changed)
    with pytest.raises(UserError, match=r"it holds Python objects, .* or build the data set anew"):
        read_dataset(folder)
