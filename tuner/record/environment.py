"""What a run ran on: enough to repeat it, and to know one day why a number was what it was."""

import hashlib
import json
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import tuner
from tuner.record.liveness import driver_identity

PACKAGES = (
    "grammar-tuner",
    "torch",
    "ray",
    "optuna",
    "numpy",
    "pydantic",
    "lark",
    "torch-geometric",
)
CODE_FILE = "code_state.json"
"""Beside code that was sent to a cluster, where git knows nothing of it: its commit and diff."""
_GIT_TIMEOUT_S = 20


@dataclass(frozen=True, kw_only=True)
class CodeState:
    """The code that runs.

    Attributes:
        commit: the commit that is checked out, or None outside a repository.
        diff: what differs from it; new files are named but not shown.
    """

    commit: str | None
    diff: str

    @property
    def dirty(self) -> bool:
        """Whether the code differs from its commit."""
        return bool(self.diff)

    @property
    def digest(self) -> str | None:
        """SHA-256 of the differences; None without any."""
        return hashlib.sha256(self.diff.encode()).hexdigest() if self.diff else None


def code_state(folder: Path | None = None) -> CodeState:
    """Ask git for the commit and the differences of the code in `folder`, else of our own."""
    where = folder or Path(tuner.__file__).parent
    commit = _git(where, "rev-parse", "HEAD")
    if commit is None:
        return _sent_code(where.parent / CODE_FILE)
    scope = ("--", ".", ":(top)models", ":(top)tuner") if folder is None else ("--", ".")
    changed = _git(where, "diff", "HEAD", *scope) or ""
    new = _git(where, "ls-files", "--others", "--exclude-standard", "--full-name", *scope) or ""
    untracked = "".join(f"# new file, not in the commit: {name}\n" for name in new.splitlines())
    return CodeState(commit=commit.strip(), diff=changed + untracked)


def _sent_code(file: Path) -> CodeState:
    try:
        sent = json.loads(file.read_text(encoding="utf-8"))
        return CodeState(commit=sent["commit"], diff=sent["diff"])
    except (OSError, ValueError, KeyError, TypeError):
        return CodeState(commit=None, diff="")


def describe_driver(code: CodeState, command: Sequence[str]) -> dict[str, Any]:
    """Return what is to be known of the process that drives a run, and of the code it runs."""
    return {
        **driver_identity(),
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(command),
        "packages": package_versions(),
        "commit": code.commit,
        "dirty": code.dirty,
        "diff_digest": code.digest,
    }


def describe_environment(
    *,
    search: str,
    code: CodeState,
    data: Mapping[str, Any],
    seeds: Mapping[str, int],
    command: Sequence[str],
    study: Mapping[str, Any] | None = None,
    gpu_share: Mapping[int, float] | None = None,
) -> dict[str, Any]:
    """Return the content of `environment.json`.

    Args:
        search: the file of the search, or its name where it ships.
        code: the code that runs.
        data: what the data set is: its settings, its digest, its size.
        seeds: every seed by what it seeds.
        command: the command line.
        study: the study's name, and the database it is in.
        gpu_share: rows a second by the number of trials that share a GPU, where it was measured.
    """
    return {
        **describe_driver(code, command),
        "search": search,
        "folder": str(Path.cwd()),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "seeds": dict(seeds),
        "data": dict(data),
        "study": dict(study or {}),
        **({"gpu_share": {str(n): speed for n, speed in gpu_share.items()}} if gpu_share else {}),
    }


def describe_data(settings: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
    """Return what a data set is: its settings, name, digest and rows, as far as it says so."""
    described: dict[str, Any] = {"settings": {k: v for k, v in settings.items() if v is not None}}
    for key in ("name", "digest"):
        if isinstance(value := getattr(dataset, key, None), str):
            described[key] = value
    for split in ("train", "val", "test"):
        rows = getattr(dataset, split, None)
        if hasattr(rows, "__len__"):
            described[f"num_{split}"] = len(rows)  # pyright: ignore[reportArgumentType]
    return described


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that a result can depend on."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # run from a checkout
            continue
    return versions


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def typed(environment: Mapping[str, Any]) -> str | None:
    """Return the command that began a run, as it was typed; None where it is not known."""
    command = environment.get("command")
    return shlex.join([Path(command[0]).name, *command[1:]]) if command else None


def render(environment: Mapping[str, Any]) -> str:
    """Return the environment as JSON text."""
    return json.dumps(environment, indent=2, default=str) + "\n"


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
