"""Loading a data set: from memory, from our files, from arrays made elsewhere."""

import json
import logging
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.config_file import dump_yaml, to_config
from models.errors import UserError
from models.grammar.derivation import to_text
from models.grammar.grammar import load_grammar
from models.grammar.masks import tables
from models.grammar_vae.data import DataConfig, check_data, load_dataset
from models.grammar_vae.datasets.pde import generate_pdes
from models.grammar_vae.datasets.writing import write_dataset


@pytest.fixture(scope="module")
def generated():
    return load_dataset(DataConfig(dataset="pde", num_rows=160, seed=3))


@pytest.fixture
def ours(generated, tmp_path):
    return write_dataset(generated, tmp_path / "ours", masks=True)


@pytest.fixture
def elsewhere(ours, tmp_path):
    """Arrays as another project leaves them: sizes in the metadata, no grammar, index files."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    shutil.copy(ours.ids, folder)
    shutil.copy(ours.masks, folder)
    meta = json.loads(ours.meta.read_text())
    kept = ("N", "T", "P", "P_padded", "ids_path", "masks_path", "masks_packed")
    (folder / ours.meta.name).write_text(json.dumps({key: meta[key] for key in kept}))
    with np.load(ours.splits) as splits:
        for name in ("train", "val", "test"):
            np.save(folder / f"{name}_indices.npy", splits[name])
    return type(ours)(folder=folder, prefix=ours.prefix)


def load(files, **settings):
    return load_dataset(DataConfig(prod=str(files.ids), **settings))


def edit_ids(files, edit):
    ids = np.load(files.ids)
    edit(ids)
    np.save(files.ids, ids)


def edit_meta(files, **values):
    meta = json.loads(files.meta.read_text())
    files.meta.write_text(json.dumps(meta | values))


def test_generated_rows_are_the_generators_text(generated):
    texts = [to_text(generated.grammar, row) for row in generated.ids]
    assert texts == generate_pdes(160, 3).texts
    assert generated.label_names[0] == "heat"
    assert np.bincount(generated.labels).tolist() == [10] * 16


def test_arrays_have_the_types_that_are_promised(generated):
    assert generated.ids.dtype == generated.labels.dtype == generated.left_sides.dtype == np.int16
    assert generated.lengths.dtype == np.int32
    assert {generated.train.dtype, generated.val.dtype, generated.test.dtype} == {np.dtype("int64")}
    assert generated.ids.shape == (160, generated.lengths.max())
    known = tables(generated.grammar)
    assert np.array_equal(generated.left_sides, known.lhs)
    assert np.array_equal(generated.table, known.mask)
    assert (generated.num_rows, generated.num_productions) == (160, 56)


def test_a_seed_gives_the_same_digest_and_another_seed_another(generated):
    again = load_dataset(DataConfig(dataset="pde", num_rows=160, seed=3))
    other = load_dataset(DataConfig(dataset="pde", num_rows=160, seed=4))
    assert generated.digest == again.digest != other.digest


def test_a_data_set_can_be_sent_to_another_process(generated):
    assert pickle.loads(pickle.dumps(generated)).digest == generated.digest


@given(name=st.sampled_from(["pde", "equations"]), rows=st.integers(10, 60), seed=st.integers(0, 9))
@settings(max_examples=10, deadline=None)
def test_written_and_read_again_a_data_set_is_equal(tmp_path_factory, name, rows, seed):
    dataset = load_dataset(DataConfig(dataset=name, num_rows=rows, seed=seed))
    files = write_dataset(dataset, tmp_path_factory.mktemp("round") / "data", masks=True)
    for masks in (None, str(files.masks)):
        read = load(files, masks=masks)
        for field, value in vars(dataset).items():
            assert np.array_equal(getattr(read, field), value), field


def test_arrays_from_elsewhere_load_with_a_grammar_by_name(elsewhere, generated):
    read = load(elsewhere, grammar="pde")
    assert read.digest == generated.digest
    assert read.labels is None


def test_arrays_from_elsewhere_load_with_a_grammar_file(elsewhere, generated, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(dump_yaml(load_grammar("pde").to_mapping()))
    assert load(elsewhere, grammar=str(path)).digest == generated.digest


def test_masks_alone_give_the_table_without_a_grammar(elsewhere, generated):
    read = load(elsewhere, masks=str(elsewhere.masks))
    assert read.grammar is None
    assert read.num_productions == 56
    assert np.array_equal(read.train, generated.train)
    real = read.ids[read.ids >= 0]
    ours = generated.table[generated.left_sides[real]]
    assert np.array_equal(read.table[read.left_sides[real]], ours)


def test_without_grammar_and_masks_the_message_says_what_to_pass(elsewhere):
    message = "unknown, .*pass grammar .*built-in name or a YAML file.*masks .*masks_packed.npy"
    with pytest.raises(UserError, match=message):
        load(elsewhere)
    elsewhere.masks.unlink()
    with pytest.raises(UserError, match=r"or masks to train without a grammar"):
        load(elsewhere)


def test_arrays_without_a_split_are_split_by_the_seed(elsewhere):
    for path in elsewhere.published_splits().values():
        path.unlink()
    first, again, other = (load(elsewhere, grammar="pde", seed=seed) for seed in (1, 1, 2))
    assert [len(first.train), len(first.val), len(first.test)] == [128, 16, 16]
    assert first.digest == again.digest != other.digest


def test_arrays_of_another_integer_type_and_any_name_load(elsewhere, tmp_path):
    path = tmp_path / "mine.npy"
    np.save(path, np.load(elsewhere.ids).astype(np.int64))
    read = load_dataset(DataConfig(prod=str(path), grammar="pde"))
    assert read.ids.dtype == np.int16
    assert read.name == "mine"


def test_rows_outside_the_split_are_mentioned(elsewhere, caplog):
    (elsewhere.folder / "test_indices.npy").unlink()
    with caplog.at_level(logging.WARNING):
        read = load(elsewhere, grammar="pde")
    assert len(read.test) == 0
    assert "16 of the 160 rows" in caplog.text


def test_limit_rows_takes_a_seeded_subset_in_proportion(generated, ours):
    small = load(ours, limit_rows=40)
    assert [len(small.train), len(small.val), len(small.test)] == [32, 4, 4]
    assert small.ids.shape == (40, generated.ids.shape[1])
    assert {row.tobytes() for row in small.ids} <= {row.tobytes() for row in generated.ids}
    in_train = {row.tobytes() for row in generated.ids[generated.train]}
    assert {row.tobytes() for row in small.ids[small.train]} <= in_train
    assert np.array_equal(small.lengths, (small.ids >= 0).sum(axis=1))
    assert len(small.labels) == 40
    assert small.digest == load(ours, limit_rows=40).digest
    assert small.digest != load(ours, limit_rows=40, seed=1).digest
    assert load(ours, limit_rows=1000).digest == generated.digest


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give either dataset .* or prod .*, not neither"),
        ({"dataset": "pde", "prod": "a.npy"}, "give either dataset .* or prod .*, not both"),
        ({"dataset": "pde", "grammar": "pde"}, r"data\.grammar \(pde\) would be ignored"),
        ({"dataset": "pde", "masks": "a.npy"}, r"data\.masks \(a.npy\) would be ignored"),
        ({"prod": "a.npy", "num_rows": 5}, r"num_rows \(5\) would be ignored.*limit_rows takes"),
        ({"dataset": "pde", "seed": -1}, r"data\.seed \(-1\) must not be negative"),
        ({"dataset": "pde", "num_rows": 0}, r"num_rows \(0\) must be at least 1"),
        ({"dataset": "pde", "num_rows": 9}, "9 rows are too few to split"),
        ({"dataset": "pde", "num_rows": 20, "limit_rows": 2}, r"limit_rows \(2\) must leave"),
        ({"dataset": "pdes"}, "unknown dataset 'pdes'. Did you mean 'pde'"),
        ({"prod": "/no/such/ids.npy"}, "there is no file /no/such/ids.npy"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        load_dataset(DataConfig(**settings))


def test_the_settings_are_a_block_of_a_yaml_file():
    config = to_config(DataConfig, {"dataset": "equations", "num_rows": 50}, "search.yaml")
    assert config == DataConfig(dataset="equations", num_rows=50)


def test_a_grammar_other_than_the_metadatas_is_refused(ours, generated):
    assert load(ours, grammar="pde").digest == generated.digest
    with pytest.raises(UserError, match=r"grammar \(equations\) is not the grammar in .*\(pde\)"):
        load(ours, grammar="equations")


def test_a_grammar_with_another_number_of_productions_is_refused(elsewhere):
    with pytest.raises(UserError, match="says P = 56, but the grammar equations has 12"):
        load(elsewhere, grammar="equations")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((5, 2), 56, r"row 5, step 2.* 56"),
        ((7, 0), 3, r"row 7, step 0"),
        ((7, 3), -1, r"row 7, step 3.*padding"),
        ((9, 1), -7, r"row 9, step 1"),
    ],
)
def test_ids_that_are_no_derivation_are_refused_with_their_place(elsewhere, place, value, message):
    edit_ids(elsewhere, lambda ids: ids.__setitem__(place, value))
    edit_meta(elsewhere, P=56 + (value == 56))
    elsewhere.meta.unlink()
    with pytest.raises(UserError, match=f"ids_int16.npy: {message}"):
        load(elsewhere, grammar="pde")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [((7, 3), -1, "row 7, step 3 holds -1"), ((4, 0), -2, "row 4, step 0 holds -2")],
)
def test_without_a_grammar_padding_is_still_checked(elsewhere, place, value, message):
    edit_ids(elsewhere, lambda ids: ids.__setitem__(place, value))
    with pytest.raises(UserError, match=message):
        load(elsewhere, masks=str(elsewhere.masks))


def test_an_empty_row_is_refused_without_a_grammar(elsewhere):
    edit_ids(elsewhere, lambda ids: ids.__setitem__(6, -1))
    with pytest.raises(UserError, match="row 6, step 0 holds -1: rows start with a production"):
        load(elsewhere, masks=str(elsewhere.masks))


@pytest.mark.parametrize("grammar", ["pde", None])
def test_masks_of_other_ids_are_refused_with_row_and_step(elsewhere, grammar):
    packed = np.load(elsewhere.masks)
    packed[3, 4] = 255
    np.save(elsewhere.masks, packed)
    with pytest.raises(UserError, match=r"masks_packed.npy: .*row 3, step 4"):
        load(elsewhere, grammar=grammar, masks=str(elsewhere.masks))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"N": 5}, "says N = 5, but the ids have 160"),
        ({"T": 5}, "says T = 5, but the ids have"),
        ({"P": 5}, "says P = 5, but the ids name production"),
        ({"P": "many"}, "says P = 'many', but the ids name production"),
        ({"label_names": ["heat"]}, "names 1 labels, but .* holds labels from 0 to 15"),
        ({"grammar": {"start": "S"}}, "meta.json"),
    ],
)
def test_metadata_of_other_arrays_are_refused(ours, values, message):
    edit_meta(ours, **values)
    with pytest.raises(UserError, match=message):
        load(ours)


@pytest.mark.parametrize("text", ["{", "[1]", b"\xff"])
def test_metadata_that_are_no_json_object_are_refused(ours, text):
    ours.meta.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=r"meta.json (is not JSON|must hold a JSON object)"):
        load(ours)


@pytest.mark.parametrize(
    "array",
    [np.zeros(3, dtype=np.int16), np.zeros((2, 3)), np.zeros((0, 4), dtype=np.int16)],
)
def test_arrays_that_are_no_ids_are_refused(tmp_path, array):
    np.save(tmp_path / "ids.npy", array)
    with pytest.raises(UserError, match=r"must be int16 \(rows, steps\) with at least one row"):
        load_dataset(DataConfig(prod=str(tmp_path / "ids.npy"), grammar="pde"))


def test_ids_that_need_more_than_16_bits_are_refused(tmp_path):
    np.save(tmp_path / "ids.npy", np.full((2, 3), 70_000))
    with pytest.raises(UserError, match="ids from 70000 to 70000: they must fit 16 bits"):
        load_dataset(DataConfig(prod=str(tmp_path / "ids.npy"), grammar="pde"))


def test_pickled_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "ids.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="cannot be read as a numpy array"):
        load_dataset(DataConfig(prod=str(tmp_path / "ids.npy"), grammar="pde"))


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04broken", b"\x93NUMPY\x01\x00"])
def test_files_that_are_no_arrays_are_refused(ours, content):
    ours.splits.write_bytes(content)
    with pytest.raises(UserError, match=r"splits\.npz cannot be read as a numpy array"):
        load(ours)


def test_one_array_where_several_are_wanted_is_refused_and_the_reverse(ours):
    with ours.splits.open("wb") as file:
        np.save(file, np.arange(3))
    with pytest.raises(UserError, match=r"holds one array: give an \.npz file"):
        load(ours)
    with ours.ids.open("wb") as file:
        np.savez(file, ids=np.arange(3))
    with pytest.raises(UserError, match=r"holds several arrays: give a \.npy file"):
        load(ours)


def test_labels_of_another_number_of_rows_are_refused(ours):
    with np.load(ours.splits) as arrays:
        parts = dict(arrays) | {"labels": np.zeros(3, dtype=np.int16)}
    np.savez(ours.splits, **parts)
    with pytest.raises(UserError, match=r"labels are int16 \(3,\), but 160 rows need"):
        load(ours)


def test_loading_imports_no_torch():
    code = (
        "import sys; from models.grammar_vae.data import DataConfig, load_dataset;"
        "load_dataset(DataConfig(dataset='equations', num_rows=10));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_published_arrays_load_with_the_published_split(reference_data, tmp_path):
    with np.load(reference_data / "pde" / "reference_2000.npz") as arrays:
        ids, masks = arrays["ids"], arrays["masks_packed"]
    np.save(tmp_path / "ids.npy", ids)
    np.save(tmp_path / "masks.npy", masks)
    for grammar in ("pde", None):
        read = load_dataset(
            DataConfig(
                prod=str(tmp_path / "ids.npy"), masks=str(tmp_path / "masks.npy"), grammar=grammar
            )
        )
        assert read.ids.shape == (2000, 114)
        assert (int(read.lengths.min()), int(read.lengths.max())) == (21, 61)


def test_a_text_file_as_ids_is_told_how_text_becomes_ids(tmp_path):
    (tmp_path / "ids.npy").write_text("x + 1\n")
    with pytest.raises(UserError, match=r"is text, and begins with 'x \+ 1'.*build_dataset --te"):
        load_dataset(DataConfig(prod=str(tmp_path / "ids.npy"), grammar="equations"))


def test_missing_files_are_found_without_reading_any(tmp_path):
    np.lib.format.open_memmap(tmp_path / "spaces.npy", "w+", np.int16, (10**9, 100))  # 200 GB
    data = DataConfig(prod=str(tmp_path / "ids.npy"), masks="nowhere.npy", grammar="mine.yaml")
    with pytest.raises(UserError) as caught:
        check_data(data)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"data.prod: there is no file {tmp_path}/ids.npy."
    assert [line.partition(":")[0] for line in lines] == ["data.prod", "data.masks", "data.grammar"]
    check_data(DataConfig(prod=str(tmp_path / "spaces.npy"), grammar="pde"))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (None, "data.prod: .* cannot be read as a numpy array: it is empty"),
        (np.zeros((2, 3)), r"data.prod: .* holds float64 \(2, 3\): production ids must be int16"),
        (np.zeros(3, np.int16), r"data.prod: .* holds int16 \(3,\): production ids must be int16"),
        (np.zeros((0, 3), np.int16), "data.prod: .* with at least one row"),
        (np.array([{}]), "data.prod: .* it holds Python objects, which are not read"),
    ],
)
def test_what_are_no_production_ids_is_found_with_the_other_mistakes(tmp_path, array, message):
    file = tmp_path / "ids.npy"
    file.touch() if array is None else np.save(file, array)
    with pytest.raises(UserError, match=message) as caught:
        check_data(DataConfig(prod=str(file), grammar="mine.yaml"))
    assert "data.grammar: there is no file" in str(caught.value)


def test_the_file_that_was_probably_meant_is_named(tmp_path):
    (tmp_path / "train_ids.npy").touch()
    (tmp_path / "x.npy").touch()
    with pytest.raises(UserError, match=r"train_idz\.npy\. Did you mean 'train_ids\.npy'\?$"):
        check_data(DataConfig(prod=str(tmp_path / "train_idz.npy")))
    with pytest.raises(UserError, match=r"y\.npy\.$"):
        check_data(DataConfig(prod=str(tmp_path / "y.npy")))
