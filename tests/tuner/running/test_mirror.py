"""A run that is kept in a bucket, on real servers that speak as Amazon's and Google's do."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from models.errors import UserError
from tuner.commands.clusters import ClusterChoice
from tuner.commands.fetch import fetch
from tuner.errors import RunExists, RunHeld
from tuner.record.bucket import Bucket
from tuner.record.paths import RunPaths
from tuner.running import mirror
from tuner.running.mirror import Mirror, home_of, mirrored

ROOT = Path(__file__).resolve().parents[3]
_spec = importlib.util.spec_from_file_location(
    "bucket_server", ROOT / "tests/tuner/bucket_server.py"
)
bucket_server = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bucket_server)


@pytest.fixture(scope="module")
def servers():
    """Return what starts a server, once, and tells the variables that lead there."""
    with ExitStack() as started:
        yield cache(lambda name: started.enter_context(getattr(bucket_server, name)()))


@pytest.fixture(params=["amazon", "google"])
def variables(servers, request, monkeypatch):
    found = servers(request.param)
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def url(variables, request):
    scheme = "s3" if "AWS_ENDPOINT_URL" in variables else "gs"
    return f"{scheme}://tests/{request.node.originalname}"


@pytest.fixture
def run(tmp_path):
    paths = RunPaths(tmp_path / "runs" / "first")
    (paths.checkpoints / "a" / "checkpoint_000001").mkdir(parents=True)
    (paths.checkpoints / "a" / "checkpoint_000001" / "checkpoint.ckpt").write_bytes(b"weights")
    paths.search_file.write_text("model: x\n")
    paths.events_file.write_text("{}\n")
    return paths


def stored(url):
    bucket = Bucket(url)
    return {place: bucket.read(place) for place in bucket.files()}


def test_run_in_the_bucket_is_the_run_here(run, url) -> None:
    with mirrored(run, url, new=True):
        run.events_file.write_text("{}\n{}\n")
    assert stored(f"{url}/first") == {
        "search.yaml": b"model: x\n",
        "events.jsonl": b"{}\n{}\n",
        "checkpoints/a/checkpoint_000001/checkpoint.ckpt": b"weights",
    }


def test_checkpoints_that_go_here_go_there(run, url) -> None:
    copied = Mirror(run, Bucket(f"{url}/first"))
    copied.claim(new=True)
    copied.copy()
    (run.checkpoints / "a" / "checkpoint_000001" / "checkpoint.ckpt").unlink()
    copied.copy()
    assert set(stored(f"{url}/first")) == {"search.yaml", "events.jsonl", "driver.lock"}


def test_log_names_no_checkpoint_that_is_not_there(run, url, monkeypatch) -> None:
    bucket = Bucket(f"{url}/first")
    copied = Mirror(run, bucket)
    written = []

    def write(place, content):
        written.append(place)
        run.events_file.write_text("{}\n" * 9)  # the search goes on meanwhile

    monkeypatch.setattr(bucket, "write", write)
    copied._renewed = time.monotonic()
    copied.copy()
    assert written[-1] == "events.jsonl"
    assert copied._copied["events.jsonl"] == (len("{}\n"), 0)


def test_folder_that_goes_while_it_is_looked_for_does_not_end_the_copying(
    run, tmp_path, monkeypatch
) -> None:
    gone = run.checkpoints / "a" / "checkpoint_000001"
    listed = os.scandir

    def scan(place="."):
        if not isinstance(place, int) and Path(place) == gone and gone.is_dir():
            shutil.rmtree(gone)
        return listed(place)

    monkeypatch.setattr(os, "scandir", scan)
    found = Mirror(run, Bucket.__new__(Bucket))._files_here()
    assert set(found) == {"search.yaml", "events.jsonl"}


def test_disk_that_does_not_answer_is_tried_again_as_a_bucket_is(run, monkeypatch, caplog) -> None:
    copied = Mirror(run, Bucket.__new__(Bucket))

    def fail():
        raise PermissionError(13, "Permission denied", "checkpoint.ckpt")

    monkeypatch.setattr(copied, "copy", fail)
    copied.try_to_copy()
    copied.try_to_copy()
    assert [line.getMessage() for line in caplog.records] == [
        "the bucket is tried again: [Errno 13] Permission denied: 'checkpoint.ckpt'"
    ]


def test_run_that_is_there_is_not_overwritten(run, url) -> None:
    with mirrored(run, url, new=True):
        pass
    with pytest.raises(RunExists, match="'first' exists already"), mirrored(run, url, new=True):
        pytest.fail("it began")


def test_run_that_is_driven_elsewhere_is_refused(run, url) -> None:
    other = {"host": "elsewhere", "pid": 7, "claim": "x"}
    Bucket(f"{url}/first").write("driver.lock", json.dumps(other).encode())
    with pytest.raises(RunHeld, match="process 7 on elsewhere"), mirrored(run, url, new=False):
        pytest.fail("it began")


@pytest.mark.parametrize("back", [None, b"5\r\nother"])  # no permission; a server's own framing
def test_bucket_that_gives_nothing_back_is_no_other_driver(run, url, monkeypatch, back) -> None:
    monkeypatch.setattr(Bucket, "read", lambda self, place: back)
    with pytest.raises(UserError, match="does not give back what was written there: check that"):
        Mirror(run, Bucket(f"{url}/first")).claim(new=True)


def test_driver_that_is_long_gone_holds_nothing(run, url, monkeypatch) -> None:
    other = {"host": "elsewhere", "pid": 7, "claim": "x"}
    Bucket(f"{url}/first").write("driver.lock", json.dumps(other).encode())
    monkeypatch.setattr(mirror, "_STALE_S", 0.0)
    with mirrored(run, url, new=False):
        pass
    assert "driver.lock" not in stored(f"{url}/first")


def test_run_comes_home_where_it_is_not_yet(run, url, tmp_path) -> None:
    with mirrored(run, url, new=True):
        pass
    home = home_of(f"{url}/first", tmp_path / "other")
    assert home.events_file.read_text() == "{}\n"
    assert (home.checkpoints / "a" / "checkpoint_000001" / "checkpoint.ckpt").exists()
    home.events_file.write_text("{}\n{}\n")  # it went on here
    assert home_of(f"{url}/first", tmp_path / "other").events_file.read_text() == "{}\n{}\n"
    home.events_file.write_text("other\n")
    with pytest.raises(UserError, match="is another run than"):
        home_of(f"{url}/first", tmp_path / "other")


def test_url_cannot_lead_out_of_the_folder_of_runs(url, tmp_path) -> None:
    Bucket(f"{url}/x").write("search.yaml", b"model: x\n")
    with pytest.raises(UserError, match=r"the run name '\.\.' cannot be used"):
        home_of(f"{url}/x/..", tmp_path / "runs")
    assert list(tmp_path.iterdir()) == []


def test_run_that_is_not_there_leaves_nothing_here(url, tmp_path) -> None:
    with pytest.raises(UserError, match="holds no run: check the name"):
        fetch(f"{url}/none", ClusterChoice(), to=str(tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_bucket_without_a_run_is_told_with_what_is_there(url, tmp_path) -> None:
    Bucket(f"{url}/runs/known").write("search.yaml", b"model: x\n")
    lists = url.startswith("s3")
    beside, inside = ("; beside it are known", "; in it are known") if lists else ("", "")
    with pytest.raises(UserError, match=f"/nothere holds no run: check the name{beside}$"):
        home_of(f"{url}/runs/nothere", tmp_path)
    with pytest.raises(UserError, match=f"/runs holds no run: check the name{inside}$"):
        home_of(f"{url}/runs", tmp_path)


def test_wrong_bucket_is_told_with_what_to_check(url) -> None:
    with pytest.raises(UserError, match=r"cannot be used .*check its name, the credentials"):
        Bucket(url.replace("://tests", "://nothere")).write("a", b"b")


def test_names_in_a_bucket_cannot_leave_the_folder(url, tmp_path, monkeypatch) -> None:
    bucket = Bucket(url)
    found = bucket.files()
    monkeypatch.setattr(bucket, "files", lambda: {**found, "../evil": None})
    with pytest.raises(UserError, match="would lie outside: refused"):
        bucket.bring_home(tmp_path / "here")


class Machine:
    """A machine of its own, as far as a search can tell: its folder of runs."""

    def __init__(self, folder, variables):
        folder.mkdir()
        self.folder = folder
        self.environment = bucket_server.plain_environment() | variables | {
            "PYTHONPATH": str(ROOT), "HOME": str(folder),
        }  # fmt: skip

    def start(self, *words):
        return subprocess.Popen(
            [sys.executable, "-m", "tuner", *words], cwd=self.folder, env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self, *words, rc=0):
        with self.start(*words) as process:
            said, _ = process.communicate(timeout=200)
        assert process.returncode == rc, said
        return said


SEARCH = (
    "search", "grammar_vae/quickstart", "--name", "far", "--trials", "2",
    "--set", "data.num_rows=900", "--set", "data.limit_rows=600",
    "--set", "scheduler={name: fifo, max_epochs: 60}",
)  # fmt: skip


@pytest.mark.ray
@pytest.mark.parametrize("variables", ["amazon"], indirect=True)
def test_search_whose_machine_is_lost_goes_on_on_another(variables, url, tmp_path) -> None:
    first, second = (Machine(tmp_path / name, variables) for name in ("first", "second"))
    with first.start(*SEARCH, "--storage", url) as process:
        bucket = Bucket(f"{url}/far")
        deadline = time.monotonic() + 120
        while (bucket.read("events.jsonl") or b"").count(b'"report"') < 10:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.3)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    assert "exists already" in second.run(*SEARCH, "--storage", url, rc=2)
    lock = json.loads(bucket.read("driver.lock") or b"{}")
    bucket.write("driver.lock", json.dumps({**lock, "host": "gone", "claim": "x"}).encode())
    assert "is driven by process" in second.run("resume", f"{url}/far", rc=2)
    bucket.delete("driver.lock")  # as time does
    said = second.run("resume", f"{url}/far")
    assert "far: 2 trials, 120 epochs" in said
    events = [json.loads(line) for line in bucket.read("events.jsonl").splitlines()]
    reports = [(e["trial"], e["epoch"]) for e in events if e["event"] == "report"]
    assert len(set(reports)) == 120
    assert len(reports) - 120 <= 20  # what was trained since the last copy, at most
    third = Machine(tmp_path / "third", variables)
    third.run("fetch", f"{url}/far")
    here, there = third.folder / "runs" / "far", second.folder / "runs" / "far"
    names = {p.relative_to(there) for p in there.rglob("*") if p.is_file()}
    names -= {Path("driver.lock"), *(n for n in names if n.name.startswith("."))}
    assert names == {p.relative_to(here) for p in here.rglob("*") if p.is_file()}
    assert all((here / n).read_bytes() == (there / n).read_bytes() for n in names)
    texts = b"".join((here / n).read_bytes() for n in names)
    assert b"planted-secret" not in texts
