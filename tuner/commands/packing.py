"""What a search needs on another machine: our code, its data and presets, and itself, resolved."""

import getpass
import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tuner
from models.config_file import dump_yaml, to_mapping
from models.errors import UserError
from models.presets import FOLDERS_VARIABLE, Preset, render_preset
from tuner.record.environment import CODE_FILE, code_state
from tuner.search.blocks import RunStart
from tuner.search.search import Search

SEARCH_FILE = "job/{stem}.yaml"
JOB = "job/"
"""The folder of the package that holds what the search needs beside our code."""
_DATA = f"{JOB}data"
_PRESETS = f"{JOB}presets"
_PACKAGES = ("tuner", "models", "cluster", "search_spaces")
_LEFT_OUT = ("tests/", ".ci/")
_GIT_TIMEOUT_S = 20


@dataclass(frozen=True, kw_only=True)
class SearchPackage:
    """The files of a search's job.

    Attributes:
        files: files of this machine by their place in the package.
        texts: files that are written, likewise.
        search_file: the place of the search.
        environment: variables that its command needs.
        digest: of search, presets and settings: equal for the same search.
        untracked: code that git does not track, which is left out.
    """

    files: Mapping[str, Path]
    texts: Mapping[str, str]
    search_file: str
    environment: Mapping[str, str]
    digest: str
    untracked: tuple[str, ...]


def package_search(search: Search) -> SearchPackage:
    """Return what a job of this search takes along.

    Raises:
        UserError: git does not answer, or the search begins with trials of a run of this machine.
    """
    if runs := [one.run for one in search.searcher.warm_start if isinstance(one, RunStart)]:
        raise UserError(
            f"searcher.warm_start names the run {runs[0]}, which the cluster does not have: "
            "promote its trials and name their presets, or leave it out"
        )
    files, untracked = _code()
    data = to_mapping(search.data)
    for key, found in search.spec.data_files(search.data).items():
        named = Path(data[key])
        base = named if named.is_dir() else named.parent
        place = f"{_DATA}/{key}"
        files |= {f"{place}/{file.relative_to(base).as_posix()}": file for file in found}
        data[key] = place if named.is_dir() else f"{place}/{named.name}"
    presets = search.presets
    texts = {
        f"{_PRESETS}/{one.model}/{one.name}.yaml": render_preset(one)
        for one in presets.values()
        if not one.built_in
    }
    content = {**search.to_mapping(), "data": data}
    search_file = SEARCH_FILE.format(stem=search.stem)
    header = (
        f"The search {Path(search.source).name} as it was submitted, every default written out."
    )
    texts[search_file] = dump_yaml(content, header)
    code = code_state()
    texts[CODE_FILE] = json.dumps({"commit": code.commit, "diff": code.diff})
    return SearchPackage(
        files=files,
        texts=texts,
        search_file=search_file,
        environment={FOLDERS_VARIABLE: _PRESETS},
        digest=_digest(search, presets),
        untracked=untracked,
    )


def search_command(
    file: str, name: str, place: str, database: str | None, *, may_be_repeated: bool
) -> tuple[str, ...]:
    """Return what a job runs; one that may be repeated goes on with what it began."""
    words = ["python", "-m", "tuner", "search", file, "--name", name, "--storage", place]
    words += ["--or_resume"] if may_be_repeated else []
    return (*words, *(["--storage", database] if database else []))


def job_metadata(search: Search, package: SearchPackage, name: str, place: str) -> dict[str, str]:
    """Return what people find a job by."""
    return {
        "search": search.stem,
        "run": name,
        "model": search.model,
        "preset": search.preset.name,
        "objective": " ".join(f"{o.mode} {o.metric}" for o in search.objectives),
        "trials": str(search.num_trials),
        "user": getpass.getuser(),
        "storage": place,
        "digest": package.digest,
    }


def _code() -> tuple[dict[str, Path], tuple[str, ...]]:
    """Return our code's files, by their place, and what git does not track of it."""
    root = Path(tuner.__file__).resolve().parents[1]
    tracked = _git(root, "ls-files", "-z")
    # Where it was installed, not checked out, the environment may still lie in somebody's checkout.
    if tracked is None or "tuner/__init__.py" not in tracked.split("\0"):
        found = (file for name in _PACKAGES for file in (root / name).rglob("*"))
        names = [
            file.relative_to(root).as_posix()
            for file in found
            if file.is_file() and "__pycache__" not in file.parts
        ]
        return {name: root / name for name in names}, ()
    names = [name for name in tracked.split("\0") if name and not name.startswith(_LEFT_OUT)]
    # A .gitignore of ours would make Ray leave out what we pack.
    files = {n: root / n for n in names if Path(n).name != ".gitignore" and (root / n).is_file()}
    new = _git(root, "ls-files", "-z", "--others", "--exclude-standard", *_PACKAGES) or ""
    return files, tuple(filter(None, new.split("\0")))


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=False
        )
    except FileNotFoundError:
        return None
    except subprocess.TimeoutExpired as error:
        raise UserError(f"git does not answer in {folder}: try again") from error
    return done.stdout if done.returncode == 0 else None


def _digest(search: Search, presets: Mapping[str, Preset]) -> str:
    content: dict[str, Any] = search.to_mapping()
    content["presets"] = {name: to_mapping(one.config) for name, one in presets.items()}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
