"""`storage:` of a search."""

import pytest

from models.errors import UserError
from tuner.search.storage import is_bucket, is_database, read_storage


@pytest.mark.parametrize("raw", ["/shared/runs", "~/runs", "runs", "s3://bucket/runs", "gs://b"])
def test_folders_and_buckets_are_taken(raw) -> None:
    assert read_storage(raw) == raw
    assert read_storage(f"{raw}/") == raw


def test_nothing_is_no_storage() -> None:
    assert read_storage(None) is None


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (3, "storage is 3: name a folder"),
        (" ", "storage is ' ': name a folder"),
        ("postgresql://u:p@h/d", "a database keeps the study only"),
        ("ftp://x/y", "of the kind ftp:// nothing is known"),
        ("postgres://u@host/runs", "write postgresql://, and give it as --storage"),
        ("s3:///", "it names no bucket"),
    ],
)
def test_what_keeps_no_runs_is_refused(raw, message) -> None:
    with pytest.raises(UserError, match=message):
        read_storage(raw)


def test_buckets_and_databases_are_told_by_their_scheme() -> None:
    assert is_database("postgresql+psycopg://h/d")
    assert is_database("sqlite:///x.db")
    assert not is_database("/runs")
    assert is_bucket("gs://b/x")
    assert not is_bucket("/s3://")


def test_search_keeps_its_storage(make_search) -> None:
    assert "storage" not in make_search().to_mapping()
    assert make_search("storage=/shared").to_mapping()["storage"] == "/shared"
