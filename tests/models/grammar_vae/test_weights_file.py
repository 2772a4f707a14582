"""Trained weights as safetensors files."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from models.errors import UserError
from models.grammar_vae.trained import export_model, load_model, sample
from models.training.weights_file import read_weights


@pytest.fixture(scope="module")
def model(checkpoint):
    return load_model(checkpoint)


@pytest.fixture
def exported(model, tmp_path):
    path = tmp_path / "new" / "model.safetensors"
    export_model(model, path)
    return path


def test_an_export_decodes_as_the_checkpoint_does(model, exported):
    again = load_model(exported)
    assert sample(again, 50, temperature=1.0) == sample(model, 50, temperature=1.0)
    for name, tensor in model.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], tensor)
    assert (again.config, again.grammar, again.num_steps) == (
        model.config, model.grammar, model.num_steps,
    )  # fmt: skip
    assert (again.training_data, again.epoch) == (model.training_data, model.epoch)


def test_an_export_of_an_export_is_the_same_file(exported, tmp_path):
    again = tmp_path / "again.safetensors"
    export_model(load_model(exported), again)
    with safe_open(exported, "pt") as one, safe_open(again, "pt") as two:
        assert one.metadata() == two.metadata()


def test_other_programs_can_read_what_it_is(exported, model):
    with safe_open(exported, "pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata["config"])["z_dim"] == model.config.z_dim
    assert json.loads(metadata["grammar"])["start"] == "S"
    assert metadata["format"] == "pt"


def test_nothing_is_left_beside_the_file(exported):
    assert [path.name for path in exported.parent.iterdir()] == ["model.safetensors"]


def test_another_ending_is_refused(model, tmp_path):
    with pytest.raises(UserError, match=r"m\.bin: the name of an exported model ends with"):
        export_model(model, tmp_path / "m.bin")


def test_a_place_that_cannot_be_written_is_told(model, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"m\.safetensors: cannot be written: "):
        export_model(model, tmp_path / "file" / "m.safetensors")


def test_files_of_others_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(UserError, match=r"metadata lack model, config, .*: export it with"):
        load_model(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(UserError, match="not a readable safetensors file"):
        read_weights(path)
    with pytest.raises(UserError, match=r"nowhere\.safetensors: not a readable"):
        load_model(tmp_path / "nowhere.safetensors")


def test_half_precision_takes_half_the_space_and_reads_back_as_float32(model, exported, tmp_path):
    half = tmp_path / "half.safetensors"
    export_model(model, half, half=True)
    numbers = model.network.num_parameters
    assert exported.stat().st_size - half.stat().st_size == 2 * numbers
    again = load_model(half)
    for name, tensor in model.network.state_dict().items():
        read = again.network.state_dict()[name]
        assert read.dtype == torch.float32
        torch.testing.assert_close(read, tensor, rtol=1e-3, atol=1e-6)
