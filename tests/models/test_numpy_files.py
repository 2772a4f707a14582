"""Files of numpy, and what is said of files that are none."""

import numpy as np
import pytest

from models.errors import UserError
from models.numpy_files import read_numpy


def test_arrays_come_back(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(2))
    assert (read_numpy(tmp_path / "a.npy") == np.eye(2)).all()
    np.savez(tmp_path / "a.npz", x=np.eye(2), y=np.ones(3))
    assert set(read_numpy(tmp_path / "a.npz")) == {"x", "y"}
    assert set(read_numpy(tmp_path / "a.npz", ("y", "z"))) == {"y"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x + 1\nsin( x )\n", r"it is text, and begins with 'x \+ 1'. Write it with numpy.save"),
        (b"", "it is empty. Write it with numpy.save"),
        (b"\x80\x04\x95\x10\xff", "it begins with the bytes 80 04 95 10 ff"),
        (b"\x93NUMPY\x01\x00", "it is damaged"),
        (b"PK\x03\x04broken", "it is damaged"),
    ],
)
def test_what_is_no_array_is_named_without_advice_to_unpickle(tmp_path, content, message):
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_numpy(path)
    assert str(path) in str(caught.value)
    assert "pickle" not in str(caught.value)


@pytest.mark.parametrize("save", [np.save, np.savez])
def test_objects_are_not_read(tmp_path, save):
    path = tmp_path / ("a.npy" if save is np.save else "a.npz")
    save(path, np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match=r"holds Python objects, .* could run code: save plain"):
        read_numpy(path)


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    with pytest.raises(UserError, match=r"there is no file .*a\.npy"):
        read_numpy(tmp_path / "a.npy")
    with pytest.raises(UserError, match="is a folder: give a file in it"):
        read_numpy(tmp_path)
