"""Fetching: whole, checked, resumed where it was cut off, and never out of its folder."""

import json
import os
import shutil
from pathlib import Path

import pytest

from cluster import fetching, sending
from cluster.errors import ClusterError
from cluster.fetching import fetch_folder, folder_here


@pytest.fixture
def run(tmp_path):
    """A folder of 1 MB in five files, one empty and two alike in their beginning."""
    folder = tmp_path / "there"
    (folder / "checkpoints" / "a").mkdir(parents=True)
    (folder / "events.jsonl").write_text("{}\n" * 10)
    (folder / "empty").write_bytes(b"")
    for n in range(3):
        (folder / "checkpoints" / "a" / f"{n}.ckpt").write_bytes(bytes([n]) * 333_333)
    return folder


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_fetched_folder_is_the_same(run, tmp_path) -> None:
    done = fetch_folder(tmp_path / "here", folder_here(run))
    assert contents(tmp_path / "here") == contents(run)
    assert (done.num_files, done.num_bytes, done.num_kept) == (5, 1_000_029, 0)


def test_nothing_is_left_where_there_is_nothing_to_fetch(tmp_path) -> None:
    said = [sending.MARK + json.dumps({"problem": "there is no folder x"})]
    with pytest.raises(ClusterError, match="nothing can be fetched: there is no folder x"):
        fetch_folder(tmp_path / "here", lambda request: said)
    assert list(tmp_path.iterdir()) == []


def test_what_is_here_already_is_not_sent_again(run, tmp_path) -> None:
    fetch_folder(tmp_path / "here", folder_here(run))
    (run / "events.jsonl").write_text("other")
    done = fetch_folder(tmp_path / "here", folder_here(run))
    assert (done.num_files, done.num_bytes, done.num_kept) == (1, 5, 4)


def test_many_small_rounds_bring_all(run, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(fetching, "_MAX_BYTES", 250_000)
    fetch_folder(tmp_path / "here", folder_here(run))
    assert contents(tmp_path / "here") == contents(run)


def test_cut_off_transfer_goes_on_where_it_was(run, tmp_path) -> None:
    here = tmp_path / "here"

    def cut(request):
        for n, line in enumerate(sending.lines(run, request)):
            if n == 5:
                raise ConnectionError
            yield line

    with pytest.raises(ConnectionError):
        fetch_folder(here, cut)
    came = sum(len(content) for content in contents(here).values())
    assert came > 333_333
    done = fetch_folder(here, folder_here(run))
    assert done.num_bytes == 1_000_029 - came
    assert contents(here) == contents(run)


def test_damage_on_the_way_is_noticed(run, tmp_path) -> None:
    def damage(request):
        for line in sending.lines(run, request):
            yield line.replace('"data": "AAAA', '"data": "BAAA')

    with pytest.raises(ClusterError, match=r"0\.ckpt came damaged: fetch again"):
        fetch_folder(tmp_path / "here", damage)
    assert not (tmp_path / "here" / "checkpoints" / "a" / "0.ckpt").exists()


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil"])
def test_nothing_is_written_outside_of_the_folder(tmp_path, name) -> None:
    piece = {"file": name, "sha256": "0" * 64, "bytes": 1, "offset": 0, "data": "AA=="}
    lines = [sending.MARK + json.dumps(piece)]
    with pytest.raises(ClusterError, match="would lie outside: refused"):
        fetch_folder(tmp_path / "here", lambda request: lines)
    assert not (tmp_path / "evil").exists()


def test_links_are_not_followed(run, tmp_path) -> None:
    (tmp_path / "secret").write_text("planted")
    (run / "link").symlink_to(tmp_path / "secret")
    fetch_folder(tmp_path / "here", folder_here(run))
    assert not (tmp_path / "here" / "link").exists()


def test_what_a_search_deletes_meanwhile_does_not_come(run, tmp_path, monkeypatch) -> None:
    gone, read = run / "checkpoints" / "a" / "1.ckpt", Path.read_bytes

    def vanish(path):
        gone.unlink(missing_ok=True)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", vanish)
    fetch_folder(tmp_path / "here", folder_here(run), log="events.jsonl")
    assert not (tmp_path / "here" / "checkpoints" / "a" / "1.ckpt").exists()
    assert contents(tmp_path / "here") == contents(run)


def test_folder_that_goes_meanwhile_does_not_end_it(run, tmp_path, monkeypatch) -> None:
    gone, scan = run / "checkpoints" / "a", os.scandir

    def vanish(place="."):
        if not isinstance(place, int) and Path(place) == gone and gone.is_dir():
            shutil.rmtree(gone)
        return scan(place)

    monkeypatch.setattr(os, "scandir", vanish)
    fetch_folder(tmp_path / "here", folder_here(run))
    assert {p.name for p in contents(tmp_path / "here")} == {"events.jsonl", "empty"}


@pytest.mark.parametrize("there", ["{}\n{}\n", "other\n" * 20])
def test_another_run_of_the_name_stays_as_it_is(run, tmp_path, there) -> None:
    here = tmp_path / "here"
    fetch_folder(here, folder_here(run))
    (run / "events.jsonl").write_text(there)
    (run / "checkpoints" / "a" / "1.ckpt").write_bytes(b"other")
    held = contents(here)
    with pytest.raises(ClusterError, match="is another run of this name, or has gone on here"):
        fetch_folder(here, folder_here(run), log="events.jsonl", mirror=("checkpoints",))
    assert contents(here) == held


def test_run_that_went_on_there_comes_over_what_was_here_of_it(run, tmp_path) -> None:
    here = tmp_path / "here"
    fetch_folder(here, folder_here(run))
    (here / "events.jsonl").write_text("{}\n{}\n{'torn")  # half of a line came
    fetch_folder(here, folder_here(run), log="events.jsonl")
    assert contents(here) == contents(run)


def test_last_words_of_what_should_send_are_told(run, tmp_path) -> None:
    said = [
        sending.MARK
        + json.dumps({"file": "empty", "sha256": "", "bytes": 1, "offset": 0, "data": ""}),
        "Traceback ...",
        "MemoryError",
        "",
    ]
    with pytest.raises(ClusterError, match="did not come: MemoryError"):
        fetch_folder(tmp_path / "here", lambda request: said)


def test_checkpoints_that_are_gone_there_go_here(run, tmp_path) -> None:
    here = tmp_path / "here"
    fetch_folder(here, folder_here(run))
    (here / "report.html").write_text("made here")
    (run / "checkpoints" / "a" / "1.ckpt").unlink()
    done = fetch_folder(here, folder_here(run), mirror=("checkpoints",))
    assert done.removed == ["checkpoints/a/1.ckpt"]
    assert (here / "report.html").exists()


def test_folder_that_is_not_there_is_told(tmp_path) -> None:
    with pytest.raises(ClusterError, match="there is no folder"):
        folder_here(tmp_path / "nothere")
    problem = [sending.MARK + json.dumps({"problem": "there is no folder x"})]
    with pytest.raises(ClusterError, match="nothing can be fetched: there is no folder x"):
        fetch_folder(tmp_path / "here", lambda request: problem)
    with pytest.raises(ClusterError, match="did not come: no python"):
        fetch_folder(tmp_path / "here", lambda request: ["no python"])
