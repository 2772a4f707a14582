"""A folder written beside its place: kept when moved there, gone otherwise."""

import os

import pytest

from models.commands.folder_writing import folder_beside
from models.errors import UserError
from models.grammar_vae.datasets.writing import check_folder as check_derivations
from models.programs.data.writing import check_folder as check_programs


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


@pytest.mark.parametrize("check", [check_programs, check_derivations])
def test_a_folder_that_takes_nothing_is_told_before_the_work(check, tmp_path, monkeypatch):
    check(tmp_path / "new" / "data", overwrite=False)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(
        UserError, match=r"cannot write to .*data \(.*Permission denied\): give another --out"
    ):
        check(tmp_path / "new" / "data", overwrite=False)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file is not a folder"):
        check(tmp_path / "file" / "data", overwrite=False)
