"""What a search takes along to a cluster."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest

from cluster.errors import ClusterError
from cluster.profile import LocalProfile
from models.config_file import parse_yaml
from models.errors import UserError
from tuner.commands import packing
from tuner.commands.cluster import list_clusters
from tuner.commands.clusters import ClusterChoice, queue_of, read_profile, shipped_profiles
from tuner.commands.packing import package_search
from tuner.commands.submit import submit
from tuner.search.loading import load_search

ROOT = Path(__file__).resolve().parents[3]


def test_code_of_git_goes_along_and_tests_do_not(make_search) -> None:
    package = package_search(make_search())
    assert "tuner/cli.py" in package.files
    assert "models/grammar_vae/configs.yaml" in package.files
    assert not any(name.startswith("tests/") for name in package.files)


@pytest.mark.parametrize("told", [None, ""])  # no checkout; an environment within somebody's
def test_installed_code_goes_along_without_git(make_search, monkeypatch, told) -> None:
    monkeypatch.setattr(packing, "_git", lambda folder, *arguments: told)
    package = package_search(make_search())
    assert "tuner/cli.py" in package.files
    assert not any("__pycache__" in name for name in package.files)
    assert package.untracked == ()


def test_own_preset_and_resolved_search_go_along(make_search, tmp_path) -> None:
    presets = tmp_path / "presets" / "fake"
    presets.mkdir(parents=True)
    (presets / "mine.yaml").write_text("mine: {lr: 0.7}\n")
    package = package_search(make_search("preset=mine"))
    sent = parse_yaml(package.texts["job/presets/fake/mine.yaml"], "sent")
    assert sent["mine"]["lr"] == 0.7
    assert parse_yaml(package.texts[package.search_file], "sent")["searcher"]["seed"] == 3
    assert package.environment == {"TUNER_PRESETS": "job/presets"}


def test_data_files_go_along_with_those_beside_them(tmp_path) -> None:
    prod = tmp_path / "data" / "prod_4_ids_int16.npy"
    prod.parent.mkdir()
    np.save(prod, np.zeros((4, 3), np.int16))
    (prod.parent / "prod_4_meta.json").write_text("{}")
    (prod.parent / "other.txt").write_text("not named")
    search = load_search("grammar_vae/quickstart", [f"data={{prod: {prod}}}"])
    package = package_search(search)
    data = {place: file for place, file in package.files.items() if place.startswith("job/data")}
    assert sorted(data) == ["job/data/prod/prod_4_ids_int16.npy", "job/data/prod/prod_4_meta.json"]
    sent = parse_yaml(package.texts[package.search_file], "sent")
    assert sent["data"]["prod"] == "job/data/prod/prod_4_ids_int16.npy"


def test_data_folder_goes_along_as_a_whole(tmp_path) -> None:
    folder = tmp_path / "programs"
    (folder / "graphs").mkdir(parents=True)
    (folder / "graphs" / "0.npz").write_text("x")
    search = load_search("ast_autoencoder/quickstart", [f"data={{data_dir: {folder}}}"])
    package = package_search(search)
    assert package.files["job/data/data_dir/graphs/0.npz"] == folder / "graphs" / "0.npz"
    sent = parse_yaml(package.texts[package.search_file], "sent")
    assert sent["data"]["data_dir"] == "job/data/data_dir"


def test_digest_is_of_search_and_presets(make_search) -> None:
    one, same = package_search(make_search()), package_search(make_search())
    other = package_search(make_search("budget.num_trials=5"))
    assert one.digest == same.digest != other.digest


def test_commit_goes_along(make_search) -> None:
    commit = subprocess.run(
        ["git", "-C", packing.__file__.rpartition("/")[0], "rev-parse", "HEAD"],
        capture_output=True, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    sent = parse_yaml(package_search(make_search()).texts["code_state.json"], "sent")
    assert sent["commit"] == (commit or None)


def test_shipped_profiles_can_be_read() -> None:
    assert {read_profile(ClusterChoice(profile=name)).kind for name in shipped_profiles()} == set(
        shipped_profiles()
    )


@pytest.mark.parametrize("name", ["aws", "gcp"])
def test_machines_of_a_launcher_get_all_that_a_search_needs(name) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"[\[<>=]", one)[0] for one in project["dependencies"]}
    # Of reports, dashboards and shells, which are here; grpcio comes with Ray.
    here = {"altair", "vl-convert-python", "jinja2", "optuna-dashboard", "shtab", "grpcio"}
    commands = read_profile(ClusterChoice(profile=name)).setup
    (line,) = (one for one in commands if " pip install " in one)
    given = {re.split(r"[\[<>=]", one)[0] for one in shlex.split(line)}
    # What Ray's launcher imports on the head, to start workers there.
    launcher = {"aws": {"boto3"}, "gcp": {"google-api-python-client", "google-auth-httplib2"}}
    assert (needed - here) | launcher[name] <= given


def test_unknown_profile_names_those_that_there_are() -> None:
    with pytest.raises(UserError, match=r"unknown cluster profile 'lokal'.*local"):
        read_profile(ClusterChoice(profile="lokal"))


def test_own_profile_is_checked(tmp_path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("kind: magic\n")
    with pytest.raises(UserError, match="a profile needs `kind:`, one of local"):
        read_profile(ClusterChoice(profile=str(file)))
    file.write_text("kind: local\nprt: 3\n")
    with pytest.raises(UserError, match="prt"):
        read_profile(ClusterChoice(profile=str(file)))
    file.write_text("kind: local\nstorage: ftp://x\n")
    with pytest.raises(UserError, match=r"p.yaml: storage is 'ftp://x': .* take s3:// or gs://"):
        read_profile(ClusterChoice(profile=str(file)))


def test_storage_of_the_command_is_checked_before_anything_is_sent() -> None:
    with pytest.raises(UserError, match="it names no bucket"):
        submit(
            "grammar_vae/quickstart", (), choice=ClusterChoice(address="http://127.0.0.1:1"),
            name=None, storage=["s3://"], again=False, wait=False,
        )  # fmt: skip


def test_profiles_are_listed_by_a_whole_sentence(capsys) -> None:
    list_clusters()
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert list(lines) == list(shipped_profiles())
    assert lines["address"] == "A Ray cluster that runs already, by the address of its dashboard"
    assert lines["kuberay"].endswith("run again after a failure")


def test_local_cluster_that_does_not_run_is_told_how_to_start() -> None:
    with pytest.raises(ClusterError, match=r"no Ray answers at .*`tuner cluster start mine`"):
        queue_of(LocalProfile(dashboard_port=1), ClusterChoice(profile="mine"))


def test_profile_and_address_are_one_too_many() -> None:
    with pytest.raises(UserError, match="both name a cluster"):
        read_profile(ClusterChoice(profile="local", address="http://x"))
