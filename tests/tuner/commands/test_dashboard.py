"""`tuner dashboard`, in a process of its own, asked by HTTP as a browser does."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import optuna
import pytest

from tuner.cli import main
from tuner.record.environment import render
from tuner.record.events import read_events
from tuner.record.past import past_of
from tuner.running.study import build_sampler
from tuner.running.study_place import StudyPlace, new_place
from tuner.running.study_rows import study_of

REPOSITORY = Path(__file__).parents[3]
TUNER = """
import sys
import time
from pathlib import Path
import fake_model
from models.registry import MODELS
MODELS["fake"] = fake_model.fake_spec(Path("built_in.yaml"))
from tuner.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def start():
    """Start the command, and return its process, what it prints first, and its address."""
    processes = []

    def start(*arguments):
        folders = [str(REPOSITORY), str(REPOSITORY / "tests" / "tuner")]
        process = subprocess.Popen(
            [sys.executable, "-c", TUNER, "dashboard", *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        line = process.stdout.readline() + process.stdout.readline()
        return process, line, line.partition(": ")[2].splitlines()[0]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def write_study(run, search, place=None):
    past = past_of(read_events(run.paths.events_file), run.paths.events_file)
    study_of(search, place or new_place(run.paths, None), build_sampler("random", 0), past)


def trials_of(url):
    """Return the trials as the page's own requests see them."""
    base, _, number = url.partition("/dashboard/studies/")
    with urlopen(f"{base}/api/studies/{number}?after=0") as answer:
        return json.load(answer)["trials"]


def test_the_study_is_shown_on_this_machine_until_ctrl_c(fake_run, make_search, start):
    write_study(fake_run, make_search())
    process, line, url = start("first", "--port", "0")
    assert line.startswith("first: http://127.0.0.1:")
    with urlopen(url) as page:
        assert b"<html" in page.read()
    assert [trial["state"] for trial in trials_of(url)] == [
        "Complete",
        "Complete",
        "Pruned",
        "Fail",
    ]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0
    assert line.endswith("Ctrl-C ends the page.\n")
    assert err == "\nthe page is gone; the run goes on\n"


def test_sigterm_ends_it_in_order(fake_run, make_search, start):
    write_study(fake_run, make_search())
    process, _, url = start("first", "--port", "0")
    trials_of(url)
    process.terminate()
    assert process.communicate(timeout=120)[1] == ""
    assert process.returncode == 143


def test_a_trial_that_is_added_is_shown(fake_run, make_search, start):
    search = make_search()
    write_study(fake_run, search)
    _, _, url = start("first", "--port", "0")
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(fake_run.paths.study_file))
    )
    assert len(trials_of(url)) == 4
    optuna.load_study(study_name="first", storage=storage).ask()
    deadline = time.monotonic() + 120
    while len(trials_of(url)) < 5:  # the page keeps what it has read for two seconds
        assert time.monotonic() < deadline
        time.sleep(0.1)
    # A resume writes the journal anew, with other rows.
    fake_run.trial("e", [0.1])
    fake_run.trial("f", [0.1])
    write_study(fake_run, search)
    assert [trial["state"] for trial in trials_of(url)][-2:] == ["Complete", "Complete"]


def test_nothing_can_be_changed_and_no_foreign_page_can_ask(fake_run, make_search, start):
    write_study(fake_run, make_search())
    _, _, url = start("first", "--port", "0")
    base, _, number = url.partition("/dashboard/studies/")
    for method, host in (
        ("DELETE", None), ("POST", None), ("PUT", None), ("GET", "evil.example")
    ):  # fmt: skip
        headers = {} if host is None else {"Host": host}
        with pytest.raises(HTTPError) as refused:
            urlopen(Request(f"{base}/api/studies/{number}", method=method, headers=headers))
        with refused.value as answer:
            assert answer.code == 403, method
            assert "only shows the study" in json.load(answer)["reason"]
        assert len(trials_of(url)) == 4


def test_a_study_in_a_database(fake_run, make_search, start, tmp_path):
    url = f"sqlite:///{tmp_path / 's.db'}"
    optuna.create_study(study_name="another", storage=url)
    place = StudyPlace(location=url, name="first-abc")
    write_study(fake_run, make_search(), place)
    fake_run.paths.environment_file.write_text(render({"study": place.to_mapping()}))
    _, _, address = start("first", "--port", "0")
    assert len(trials_of(address)) == 4


def test_a_password_is_asked_for(fake_run, capsys):
    study = {"name": "first-abc", "storage": "postgresql://me:***@host/db"}
    fake_run.paths.environment_file.write_text(render({"study": study}))
    assert main(["dashboard", "first"]) == 2
    assert "give the URL with its password, as --storage URL" in capsys.readouterr().err


def test_a_database_without_the_study(fake_run, tmp_path, capsys):
    url = f"sqlite:///{tmp_path / 's.db'}"
    study = {"name": "first-abc", "storage": url}
    fake_run.paths.environment_file.write_text(render({"study": study}))
    assert main(["dashboard", "first", "--storage", url]) == 2
    assert "the database has no study 'first-abc'" in capsys.readouterr().err


def test_a_database_for_a_study_that_is_in_none(fake_run, tmp_path, capsys):
    assert main(["dashboard", "first", "--storage", "sqlite:///s.db"]) == 2
    assert "is in its folder: leave --storage out" in capsys.readouterr().err
    assert not Path("s.db").exists()


def test_a_port_that_is_taken(fake_run, make_search, capsys):
    write_study(fake_run, make_search())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["dashboard", "first", "--port", str(port)]) == 2
    assert f"port {port} of 127.0.0.1 cannot be used" in capsys.readouterr().err


def test_a_port_that_is_none(fake_run, capsys):
    assert main(["dashboard", "first", "--port", "70000"]) == 2
    assert "--port 70000 is no port" in capsys.readouterr().err


def test_a_run_without_a_study_yet(fake_run, capsys):
    assert main(["dashboard", "first"]) == 2
    assert "there is no study yet: wait for the first trial" in capsys.readouterr().err


def test_without_the_package_it_says_how_to_install_it(fake_run, make_search, monkeypatch, capsys):
    write_study(fake_run, make_search())
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    assert main(["dashboard", "first", "--port", "0"]) == 2
    assert "not installed here: pip install optuna-dashboard" in capsys.readouterr().err
