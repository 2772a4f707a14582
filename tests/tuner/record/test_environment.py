import json
import subprocess

import numpy as np
import pytest

from tuner.record.environment import (
    CodeState,
    code_state,
    describe_data,
    describe_environment,
    file_digest,
    render,
)


@pytest.fixture
def repository(tmp_path):
    def git(*arguments):
        done = subprocess.run(
            ["git", "-C", tmp_path, "-c", "user.name=n", "-c", "user.email=e@x", *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    git("init", "-q")
    (tmp_path / "a.py").write_text("x = 1\n")
    git("add", "a.py")
    git("commit", "-q", "-m", "one")
    return tmp_path, git


def test_a_clean_commit(repository):
    folder, git = repository
    state = code_state(folder)
    assert state == CodeState(commit=git("rev-parse", "HEAD"), diff="")
    assert not state.dirty


def test_changes_and_new_files_are_told(repository):
    folder, _ = repository
    (folder / "a.py").write_text("x = 2\n")
    (folder / "b.py").write_text("y = 1\n")
    state = code_state(folder)
    assert state.dirty
    assert "+x = 2" in state.diff
    assert "# new file, not in the commit: b.py" in state.diff


def test_outside_a_repository(tmp_path):
    assert code_state(tmp_path) == CodeState(commit=None, diff="")


def test_data_say_what_they_are(fake):
    data = fake.FakeData(name="fake", digest="d1", train=[1, 2, 3], val=[4])
    described = describe_data({"num_rows": 4, "prod": None}, data)
    assert described == {
        "settings": {"num_rows": 4},
        "name": "fake",
        "digest": "d1",
        "num_train": 3,
        "num_val": 1,
    }


def test_data_that_say_nothing():
    assert describe_data({}, np.zeros(3)) == {"settings": {}}


def test_the_environment_is_json():
    environment = describe_environment(
        search="tiny.yaml",
        code=CodeState(commit="abc", diff="+"),
        data={"digest": "d1"},
        seeds={"searcher": 1},
        command=["tuner", "search"],
    )
    read = json.loads(render(environment))
    assert read["commit"] == "abc"
    assert read["dirty"] is True
    assert read["packages"]["optuna"]
    assert read["pid"] > 0


def test_file_digest(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert file_digest(tmp_path / "f").startswith("ba7816bf8f01cfea")
