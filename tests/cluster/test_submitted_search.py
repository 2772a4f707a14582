"""A search as a job of a real Ray cluster: submitted, watched, stopped, brought home."""

import http.client
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from cluster.local_head import running_pid

pytestmark = pytest.mark.ray

ROOT = Path(__file__).resolve().parents[2]
SECRET = "planted-secret-of-whoever-submits"
SMALL = (
    "--set", "data.num_rows=300", "--set", "data.limit_rows=200",
    "--set", "scheduler={name: fifo, max_epochs: 3}",
)  # fmt: skip


@pytest.fixture(scope="module")
def address(ray_cluster):
    return ("--address", ray_cluster.head.url)


@pytest.fixture(scope="module")
def submitted(ray_cluster, address):
    """A search of two trials that was submitted and has ended."""
    return ray_cluster.tuner(
        "submit", "grammar_vae/quickstart", *SMALL, "--trials", "2", "--name", "one", "--wait",
        *address, AWS_SECRET_ACCESS_KEY=SECRET,
    )  # fmt: skip


def jobs_of(ray_cluster):
    """Return the line of Python that makes a client of the cluster's jobs."""
    return f"from cluster.ray_jobs import RayJobs; jobs = RayJobs({ray_cluster.head.url!r})"


def same_files(one, other):
    names = {p.relative_to(one) for p in one.rglob("*") if p.is_file()}
    assert names == {p.relative_to(other) for p in other.rglob("*") if p.is_file()}
    assert all((one / n).read_bytes() == (other / n).read_bytes() for n in names)


def test_submitted_search_is_followed_to_its_end(submitted) -> None:
    assert "one: submitted to http://127.0.0.1:" in submitted
    assert "one: 2 trials, 6 epochs; everything is in" in submitted
    assert "one: succeeded" in submitted


def test_fetched_run_equals_the_clusters_byte_for_byte(submitted, ray_cluster, address) -> None:
    first = ray_cluster.tuner("fetch", "one", *address)
    assert "0 were here" in first
    same_files(ray_cluster.home / "tuner-runs" / "one", ray_cluster.work / "runs" / "one")
    assert "0 files came" in ray_cluster.tuner("fetch", "one", *address)
    assert "finished; 2 done" in ray_cluster.tuner("show", "one")


def test_run_of_a_job_knows_the_commit_of_the_code_that_was_sent(submitted, ray_cluster) -> None:
    run = ray_cluster.home / "tuner-runs" / "one"
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=False
    ).stdout.strip()
    if not commit:
        pytest.skip("not a git checkout")
    assert json.loads((run / "environment.json").read_text())["commit"] == commit


def test_same_search_is_refused_a_second_time(submitted, ray_cluster, address) -> None:
    words = ("submit", "grammar_vae/quickstart", *SMALL, "--trials", "2", *address)
    said = ray_cluster.tuner(*words, rc=2)
    assert "this search was submitted already: the job one of" in said
    assert "give --again" in said


def test_jobs_are_found_by_search_model_and_objective(submitted, ray_cluster, address) -> None:
    row = next(
        line for line in ray_cluster.tuner("jobs", *address).splitlines() if line[:4] == "one "
    )
    assert row.split()[1:6] == ["succeeded", "quickstart", "grammar_vae", "max", "val/seq_acc"]
    status = ray_cluster.tuner("status", "one", *address)
    assert "one: succeeded, began" in status
    assert "  storage: ~/tuner-runs" in status


def test_plain_ray_job_gives_the_same_run(submitted, ray_cluster, address, tmp_path) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "ray.scripts.scripts", "job", "submit", *address,
            "--submission-id", "plain", "--working-dir", str(ROOT), "--",
            "python", "-m", "tuner", "search", "grammar_vae/quickstart", "--name", "plain",
            *SMALL, "--trials", "2",
        ],
        capture_output=True, text=True, timeout=240, check=False,
        env=ray_cluster.environment | {"RAY_AUTH_MODE": "token"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    ray_cluster.tuner("fetch", "~/tuner-runs/plain", "--to", str(tmp_path), *address)
    runs = (ray_cluster.home / "tuner-runs" / "one", tmp_path / "plain")
    reports = [reports_of(run) for run in runs]
    assert reports[0].keys() == reports[1].keys()
    assert reports[0] == reports[1]


def reports_of(run):
    """Return the objective's values by trial and epoch."""
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    numbers = {e["trial"]: e["number"] for e in events if e["event"] == "trial"}
    return {
        (numbers[e["trial"]], e["epoch"]): e["metrics"]["val/seq_acc"]
        for e in events
        if e["event"] == "report"
    }


def test_stopped_search_keeps_its_checkpoints_and_can_be_resumed(ray_cluster, address) -> None:
    words = ("submit", "grammar_vae/quickstart", "--trials", "2", "--name", "long")
    ray_cluster.tuner(*words, "--set", "scheduler={name: fifo, max_epochs: 900}", *address)
    run = ray_cluster.home / "tuner-runs" / "long"
    deadline = time.monotonic() + 120
    while not (run / "events.jsonl").exists() or "report" not in (run / "events.jsonl").read_text():
        assert time.monotonic() < deadline, ray_cluster.tuner("logs", "long", *address)
        time.sleep(0.5)
    said = ray_cluster.tuner("stop", "long", *address)
    assert "long: stopped; `tuner resume ~/tuner-runs/long` on the cluster goes on" in said
    last = json.loads((run / "events.jsonl").read_text().splitlines()[-1])
    assert (last["event"], last["status"]) == ("run", "interrupted")  # it had the time to say so
    assert list(run.glob("checkpoints/*/checkpoint_*/checkpoint.ckpt"))
    assert "has ended already (stopped)" in ray_cluster.tuner("stop", "long", *address, rc=2)


def test_requests_without_the_token_are_refused(ray_cluster, address, tmp_path) -> None:
    said = ray_cluster.tuner("jobs", *address, rc=2, HOME=str(tmp_path))
    assert "wants its token, and there is none here" in said
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("x" * 40)
    said = ray_cluster.tuner("jobs", *address, rc=2, HOME=str(tmp_path))
    assert "the token of this machine is another" in said


def test_no_secret_is_told_to_the_cluster(submitted, ray_cluster, address) -> None:
    token = (ray_cluster.home / ".ray" / "auth_token").read_text().strip()
    told = ray_cluster.tuner("status", "one", *address) + ray_cluster.tuner("logs", "one", *address)
    details = ray_cluster.python(f"{jobs_of(ray_cluster)}\nprint(jobs._client.get_job_info('one'))")
    files = [p for p in (ray_cluster.home / "tuner-runs" / "one").rglob("*") if p.is_file()]
    files += list(ray_cluster.head.ray_folder.glob("session_latest/logs/*.*"))
    contents = []
    for file in files:
        with suppress(FileNotFoundError, IsADirectoryError):  # Ray lets go of logs
            contents.append(file.read_bytes())
    assert "env_vars" in details
    for secret in (SECRET, token):
        assert secret not in told + details
        assert not any(secret.encode() in content for content in contents)


def test_nothing_but_loopback_answers_for_the_dashboard(ray_cluster) -> None:
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    port = f"{ray_cluster.head.dashboard_port:04X}"
    hosts = {line.split()[1].partition(":")[0] for line in lines if f":{port} " in line}
    assert hosts == {"0100007F"}


def test_all_that_answers_wants_the_token_but_for_the_metrics(submitted, ray_cluster) -> None:
    answers = {port: asked(port, "/api/jobs/") for port in listening(ray_cluster.head)}
    assert answers[ray_cluster.head.dashboard_port] == (401, "")
    assert {code for code, _ in answers.values()} == {200, 401, None}
    open_ones = [text for code, text in answers.values() if code == 200]
    assert all(text.startswith("# HELP") for text in open_ones)
    assert not any(SECRET in text for text in open_ones)


def listening(head):
    """Return the ports of all that the head started."""
    started = psutil.Process(running_pid(head))
    found = []
    for child in started.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has ended since
            found += child.net_connections()
    return {one.laddr.port for one in found if one.status == psutil.CONN_LISTEN}


def asked(port, path):
    """Return status and text without the token; None from what speaks no HTTP."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except (OSError, http.client.HTTPException):
        return None, ""


def test_head_that_runs_is_taken_as_it_is(ray_cluster) -> None:
    before = running_pid(ray_cluster.head)
    ray_cluster.start()
    assert running_pid(ray_cluster.head) == before is not None


def test_job_of_a_name_that_is_taken_is_refused(submitted, ray_cluster, tmp_path) -> None:
    code = f"""{jobs_of(ray_cluster)}
from cluster.job import Job
from cluster.package import pack
package = pack(Path({str(tmp_path / "a.zip")!r}), {{}}, {{"x": "y"}})
jobs.submit(Job(name="one", command=("true",), package=package))
"""
    said = ray_cluster.python(code, rc=1)
    assert re.search("ClusterError: .*has a job of this name already: choose another", said)


@pytest.mark.parametrize("by", ["--address", "--cluster"])
def test_unknown_job_is_told_with_what_lists_those_that_there_are(by, ray_cluster) -> None:
    profile = ray_cluster.work / "mine.yaml"
    profile.write_text(f"kind: address\naddress: {ray_cluster.head.url}\n")
    named = ray_cluster.head.url if by == "--address" else profile.name
    said = ray_cluster.tuner("fetch", "nothere", by, named, rc=2)
    assert f"knows no job 'nothere': `tuner jobs {by} {named}` lists" in said
    assert f"tuner fetch '~/tuner-runs/nothere' {by} {named}" in said
