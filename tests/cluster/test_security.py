"""What a cluster and a shared storage must not be able to do to those who use them."""

import ast
import errno
import os
from pathlib import Path

import pytest

from cluster.errors import ClusterError
from cluster.job import JobInfo
from cluster.local_head import LocalHead, start_head
from models.errors import UserError
from tuner.commands import fetch as fetching
from tuner.commands import submit
from tuner.commands.clusters import ClusterChoice

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [p for name in ("tuner", "cluster", "models") for p in (ROOT / name).rglob("*.py")]
PICKLES = {"pickle", "cloudpickle", "dill", "joblib", "shelve"}
"""What runs code of whoever wrote the file."""
OF_OUR_OWN = {
    "tuner/running/fork_server.py",
    "tuner/running/forking.py",
    "tuner/running/side_by_side.py",
    "tuner/running/share_trainer.py",
}
"""A process and its child, which is handed its work in a temporary folder."""


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.rpartition(".")[2]


def loads(tree):
    """Yield what loads files of torch, numpy and Ray, with its keywords."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = f"{ast.unparse(node.func.value)}.{node.func.attr}"
            if name in ("torch.load", "np.load") or node.func.attr in ("restore", "unpickle"):
                yield name, {word.arg: ast.unparse(word.value) for word in node.keywords}


def test_nothing_that_is_read_is_unpickled() -> None:
    assert len(SOURCES) > 200
    trees = {p.relative_to(ROOT).as_posix(): ast.parse(p.read_text()) for p in SOURCES}
    pickling = {name for name, tree in trees.items() if PICKLES & set(imported(tree))}
    assert pickling - OF_OUR_OWN == {"models/training/checkpoints.py"}
    # It imports the name of an error only.
    names = {n.attr for n in ast.walk(trees["models/training/checkpoints.py"])
             if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "pickle"}  # fmt: skip
    assert names == {"UnpicklingError"}
    safe = {"torch.load": ("weights_only", "True"), "np.load": ("allow_pickle", "False")}
    for file, tree in trees.items():
        for call, words in loads(tree):
            assert call in safe, f"{file}: {call} may run what lies in the storage"
            assert words.get(safe[call][0]) == safe[call][1], f"{file}: {call}"


class Told:
    """A cluster that says of a job what somebody there made it say."""

    def __init__(self, **metadata):
        self.metadata = metadata

    def job(self, name):
        return JobInfo(name=name, state="succeeded", command="", metadata=self.metadata)


@pytest.mark.parametrize("run", ["..", ".hidden", "a/..", "-rf", "x y"])
def test_cluster_cannot_choose_where_a_run_comes_to(run, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(fetching, "chosen_queue", lambda choice: Told(storage="/shared", run=run))
    with pytest.raises(UserError, match=r"the run name .* cannot be used"):
        fetching.fetch("job", ClusterChoice(), to=str(tmp_path / "runs"))
    assert list(tmp_path.iterdir()) == []


def test_folder_that_takes_no_run_is_told_without_a_traceback(tmp_path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "search.yaml").write_text("model: x\n")
    with pytest.raises(UserError, match=r"/proc/none.* cannot be used .*name another place"):
        fetching.fetch(str(tmp_path / "first"), ClusterChoice(), to="/proc/none")


def test_full_disk_is_told_by_the_folder_that_a_run_comes_to(tmp_path, monkeypatch) -> None:
    def fill(*where, **how):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as a write to an open file

    (tmp_path / "first").mkdir()
    monkeypatch.setattr(fetching, "fetch_folder", fill)
    said = rf"^{tmp_path}/home/first: no space is left .* the same command goes on$"
    with pytest.raises(UserError, match=said):
        fetching.fetch(str(tmp_path / "first"), ClusterChoice(), to=str(tmp_path / "home"))


def test_two_users_who_name_nothing_have_jobs_and_runs_of_their_own(monkeypatch) -> None:
    class Search:
        stem = "quickstart"

    names = []
    for user in ("ann", "bob lee"):
        monkeypatch.setattr("getpass.getuser", lambda user=user: user)
        names.append(submit._name(Search, None))
    assert names[0].startswith("ann-quickstart-")
    assert names[1].startswith("bob-lee-quickstart-")


def test_head_starts_in_no_folder_that_others_can_write_to(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    head = LocalHead(folder=tmp_path / "ray")
    head.folder.mkdir(mode=0o700)
    head.folder.chmod(0o777)
    with pytest.raises(ClusterError, match=r"others can write to .*name another `folder:`"):
        start_head(head)
    head.folder.chmod(0o700)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(ClusterError, match="others can write to"):
        start_head(head)


def test_folder_that_cannot_be_made_is_told_without_a_traceback() -> None:
    with pytest.raises(ClusterError, match=r"/proc/none cannot be made .*name another `folder:`"):
        start_head(LocalHead(folder=Path("/proc/none")))
