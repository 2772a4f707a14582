"""A study in PostgreSQL: a real server on loopback, started for the test."""

import gc
import getpass
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest
from free_ports import free_ports

from models.errors import UserError
from tuner.record.paths import find_run
from tuner.record.results import read_environment, read_run
from tuner.running.resuming import ResumeOptions, resume_run
from tuner.running.runner import RunOptions, run_search
from tuner.running.study import close_storage, open_storage

# Optuna's sessions hold their connections until they are collected; the process's end closes them.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

PASSWORD = "planted-secret-of-the-database"


def programs():
    """Return the folder of PostgreSQL's programs, which Debian keeps off the path."""
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return Path(found).parent if found else next(iter(reversed(folders)), None)


def as_nobody(command):
    """Return the command for a user that is not root, whom PostgreSQL refuses."""
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]


@pytest.fixture(scope="module")
def database():
    """Start a server with a password; yields the URL of its database."""
    pytest.importorskip("psycopg", reason="no psycopg: pip install 'psycopg[binary]'")
    where = programs()
    if where is None:
        pytest.skip("no PostgreSQL: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    wrap = as_nobody if getpass.getuser() == "root" else list
    if getpass.getuser() == "root":
        os.chown(folder, 65534, 65534)
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    (port,) = free_ports(1)
    data = str(folder / "data")
    initdb = [
        str(where / "initdb"), "-D", data, "-U", "tuner", "--auth=scram-sha-256",
        f"--pwfile={folder / 'password'}", "--no-sync",
    ]  # fmt: skip
    subprocess.run(wrap(initdb), check=True, capture_output=True, cwd=folder)
    server = subprocess.Popen(
        wrap([
            str(where / "postgres"), "-D", data, "-p", str(port), "-k", str(folder),
            "-h", "127.0.0.1",
        ]),
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"postgresql://tuner:{PASSWORD}@127.0.0.1:{port}/postgres"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                close_storage(open_storage(url))
                break
            except UserError:
                assert server.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.3)
        yield url
    finally:
        gc.collect()  # what is found here is not told in a test of another file
        server.send_signal(signal.SIGINT)  # without waiting for its clients
        server.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def opened(url, paths):
    """Give a run's study as another process would see it."""
    storage = open_storage(url)
    try:
        name = read_environment(paths.environment_file)["study"]["name"]
        yield optuna.load_study(study_name=name, storage=storage)
    finally:
        close_storage(storage)


@pytest.mark.ray
def test_search_keeps_its_study_in_the_database(database, ray_instance, make_search) -> None:
    run = run_search(make_search(), RunOptions(name="stored", storage=database))
    paths = find_run("stored")
    with opened(database, paths) as study:
        values = {trial.number: trial.value for trial in study.trials}
    assert values == {
        row.number: row.best(make_search().ranking).metrics["val/score"] for row in run.rows
    }
    assert not paths.study_file.exists()


@pytest.mark.ray
def test_password_of_the_database_is_in_no_record(database, ray_instance, make_search) -> None:
    options = RunOptions(name="secret", storage=database, command=["tuner", "--storage", database])
    run_search(make_search(), options)
    files = [path for path in find_run("secret").folder.rglob("*") if path.is_file()]
    assert files
    assert not any(PASSWORD.encode() in path.read_bytes() for path in files)


@pytest.mark.ray
def test_run_goes_on_with_its_study_in_the_database(database, ray_instance, make_search) -> None:
    run_search(make_search(), RunOptions(name="again", storage=database))
    paths = find_run("again")
    with pytest.raises(UserError, match="whose password is in no record"):
        resume_run(paths, RunOptions(), ResumeOptions(trials=6))
    resume_run(paths, RunOptions(storage=database), ResumeOptions(trials=6))
    with opened(database, paths) as study:
        assert len(study.trials) == len(read_run(paths).rows) == 6


def test_wrong_password_is_told_without_it(database) -> None:
    wrong = database.replace(PASSWORD, "another-secret")
    with pytest.raises(UserError, match="cannot be opened") as error:
        open_storage(wrong)
    assert "another-secret" not in str(error.value)


def test_connection_that_the_server_broke_off_is_made_anew(database) -> None:
    import psycopg

    storage = open_storage(database)
    study = optuna.create_study(study_name="broken", storage=storage)
    study.ask()
    with psycopg.connect(database) as other:
        others = (
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
        )
        other.execute(f"{others} and usename = 'tuner'")
    study.tell(0, 0.5)
    assert [trial.value for trial in study.trials] == [0.5]
    close_storage(storage)
