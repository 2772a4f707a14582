"""Wheels for another machine, by pip: from a registry, or from a folder."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from packaging.requirements import Requirement

from cluster.errors import ClusterError
from cluster.wheels.target import Target


class PipDownload:
    """Wheels for a machine, by pip.

    Args:
        target: the machine.
        folder: where they are put.
        wheels: a folder to take them from; None: the registry that pip is set to.
    """

    def __init__(self, target: Target, folder: Path, wheels: Path | None) -> None:
        self._target = target
        self._folder = folder
        self._from = () if wheels is None else ("--no-index", "--find-links", str(wheels))

    def fetch(self, wanted: Iterable[Requirement]) -> list[Path]:
        """Return a wheel for each requirement, in any order.

        Raises:
            ClusterError: there is none for the machine.
        """
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            _pip(
                "download", "--no-deps", "--only-binary=:all:", "--dest", scratch, *self._from,
                "--python-version", self._target.python, "--implementation", "cp",
                *(word for tag in self._target.platforms() for word in ("--platform", tag)),
                *(f"{one.name}{one.specifier}" for one in wanted),
            )  # fmt: skip
            return [one.replace(self._folder / one.name) for one in Path(scratch).glob("*.whl")]

    def build(self, project: Path) -> Path:
        """Return the wheel of a project, which may be a wheel already.

        Raises:
            ClusterError: it is no project, or cannot be built.
        """
        if project.suffix == ".whl" and project.is_file():
            return Path(shutil.copy(project, self._folder))
        if not (project / "pyproject.toml").is_file():
            raise ClusterError(f"{project} has no pyproject.toml: name a checkout by --project")
        with _tracked(project) as source, tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            _pip("wheel", "--no-deps", "--wheel-dir", scratch, *self._from, str(source))
            wheel = next(Path(scratch).glob("*.whl"))
            return wheel.replace(self._folder / wheel.name)


@contextmanager
def _tracked(project: Path) -> Iterator[Path]:
    """Give a copy of what git sees of a project, as building leaves files; else the project."""
    command = ["git", "-C", str(project), "ls-files", "-z", "-co", "--exclude-standard"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        names = done.stdout.split("\0") if done.returncode == 0 else []
    except FileNotFoundError:
        names = []
    if "pyproject.toml" not in names:
        yield project
        return
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            if (project / name).is_file():
                (Path(scratch) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(project / name, Path(scratch) / name)
        yield Path(scratch)


def _pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", words[0], "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, *words[1:]], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        said = [line for line in lines if line.lower().startswith("error: ")] or lines
        raise ClusterError(
            f"pip {words[0]} fails: {' '.join(said[:2])}. Where a "
            "package has no wheel for that machine, make one with `pip wheel` on a machine like "
            "it and give its folder by --wheels, or leave the package out by --without"
        )
