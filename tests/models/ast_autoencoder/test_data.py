import pickle
import subprocess
import sys

import numpy as np
import pytest
from program_rules.checking import check_programs

from models.ast_autoencoder.data import DataConfig, check_data, load_dataset, make_dataset
from models.errors import UserError
from models.programs.data.writing import write_dataset


@pytest.fixture(scope="module")
def generated():
    return load_dataset(DataConfig(num_programs=80, seed=2))


def test_programs_are_generated_in_memory(generated):
    assert generated.num_rows == 80
    assert (len(generated.train), len(generated.val)) == (64, 16)
    assert generated.ids.dtype == np.int16
    assert ((generated.ids >= 0).sum(axis=1) == generated.lengths).all()
    check_programs(generated.ids)
    assert all(len(generated.hidden_examples(row)) == 5 for row in range(80))
    counts = generated.twin_counts()
    assert counts["val_with_program_in_train"] == counts["val_with_behaviour_in_train"] == 0


def test_the_seed_decides_the_digest(generated):
    assert load_dataset(DataConfig(num_programs=80, seed=2)).digest == generated.digest
    assert load_dataset(DataConfig(num_programs=20, seed=3)).digest != generated.digest


def test_data_sets_are_pickled_for_workers(generated):
    copy = pickle.loads(pickle.dumps(generated))
    assert copy.digest == generated.digest
    assert copy.hidden_examples(3) == generated.hidden_examples(3)


def test_a_folder_is_read_whole_or_in_part(generated, tmp_path):
    write_dataset(generated, tmp_path / "programs", about={})
    folder = str(tmp_path / "programs")
    assert load_dataset(DataConfig(data_dir=folder)).digest == generated.digest
    part = load_dataset(DataConfig(data_dir=folder, num_programs=50, seed=1))
    assert (len(part.train), len(part.val)) == (40, 10)
    whole = {tuple(ids[ids >= 0]): row for row, ids in enumerate(generated.ids)}
    val = set(generated.val.tolist())
    for row, ids in enumerate(part.ids):
        place = whole[tuple(ids[ids >= 0])]
        assert (place in val) == (row in part.val)
        assert part.hidden_examples(row) == generated.hidden_examples(place)
    again = load_dataset(DataConfig(data_dir=folder, num_programs=50, seed=1))
    assert again.digest == part.digest
    other = load_dataset(DataConfig(data_dir=folder, num_programs=50, seed=2))
    assert other.digest != part.digest


def test_a_part_has_its_share_of_the_test_part(generated, tmp_path):
    held_out = make_dataset(
        **{
            name: getattr(generated, name)
            for name in ("name", "ids", "val", "behaviours", "examples", "names")
        },
        train=generated.train[16:],
        test=generated.train[:16],
    )
    write_dataset(held_out, tmp_path / "programs", about={})
    data = DataConfig(data_dir=str(tmp_path / "programs"), num_programs=40, seed=1)
    part = load_dataset(data)
    assert (len(part.train), len(part.val), len(part.test)) == (24, 8, 8)
    rows = {tuple(ids[ids >= 0]) for ids in held_out.ids[held_out.test]}
    assert {tuple(ids[ids >= 0]) for ids in part.ids[part.test]} <= rows
    few = load_dataset(DataConfig(data_dir=str(tmp_path / "programs"), num_programs=2))
    assert (len(few.train), len(few.val), len(few.test)) == (1, 1, 0)


@pytest.mark.parametrize("number", [0, 1, 81])
def test_impossible_parts_are_refused(generated, tmp_path, number):
    write_dataset(generated, tmp_path / "programs", about={})
    config = DataConfig(data_dir=str(tmp_path / "programs"), num_programs=number)
    with pytest.raises(UserError, match=rf"num_programs \({number}\) must be 2 to 80"):
        load_dataset(config)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (DataConfig(), "give data_dir, a folder of programs, or num_programs"),
        (DataConfig(num_programs=10, seed=-1), r"seed \(-1\) must not be negative"),
        (DataConfig(num_programs=0), "ask for at least 1"),
        (DataConfig(num_programs=1), "cannot be split"),
        (DataConfig(data_dir="/proc/nowhere"), "no such folder"),
    ],
)
def test_settings_that_say_nothing_are_refused(config, message):
    with pytest.raises(UserError, match=message):
        load_dataset(config)


def test_data_load_without_torch():
    code = "import sys, models.ast_autoencoder.data; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (DataConfig(data_dir="nowhere"), "data.data_dir: nowhere: no such folder: build the data"),
        (DataConfig(), "data: give data_dir, a folder of programs, or num_programs"),
        (DataConfig(num_programs=5, seed=-1), r"data.seed \(-1\) must not be negative"),
    ],
)
def test_mistakes_are_found_without_reading_any(data, message):
    with pytest.raises(UserError, match=message):
        check_data(data)
    check_data(DataConfig(num_programs=5))
