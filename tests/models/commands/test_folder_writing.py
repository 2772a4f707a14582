"""A folder written beside its place: kept when moved there, gone otherwise."""

import pytest

from models.commands.folder_writing import folder_beside


def test_what_was_moved_stays(tmp_path):
    with folder_beside(tmp_path / "new" / "set") as fresh:
        (fresh / "a").touch()
        fresh.replace(tmp_path / "new" / "set")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["set"]


def test_what_was_left_is_removed(tmp_path):
    with pytest.raises(OSError, match="full"), folder_beside(tmp_path / "set") as fresh:
        (fresh / "a").touch()
        raise OSError("full")
    assert list(tmp_path.iterdir()) == []
