"""Makes a folder of wheels with which a machine without a network gets this project.

On that machine, or one like it:

    python3 -m pip list --format=freeze > have.txt

Here, with a network:

    python -m cluster.offline wheels --python 3.12 --platform manylinux_2_28_x86_64 --have have.txt

The folder goes there, and `python3 wheels/install.py --venv DIR` checks and installs it. Versions
are those of constraints.txt; what the machine has is left out where it will do.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from cluster.errors import ClusterError
from cluster.wheels import install
from cluster.wheels.archive import pack_wheels
from cluster.wheels.needs import Needs, find_needs
from cluster.wheels.pip_source import PipDownload
from cluster.wheels.slim import slim_wheel
from cluster.wheels.target import Target, read_packages

ROOT = Path(__file__).resolve().parents[1]
_NUM_NAMED = 5


def make_folder(
    folder: Path,
    target: Target,
    *,
    project: Path = ROOT,
    extras: Sequence[str] = (),
    constraints: Path | None = None,
    left_out: Sequence[str] = (),
    wheels: Path | None = None,
    slim: bool = False,
) -> Needs:
    """Make a folder of wheels with their checksums and what installs them.

    Args:
        folder: new, or empty.
        target: the machine.
        project: a checkout, or a wheel.
        extras: of the project.
        constraints: versions, as NAME==VERSION; None: the project's constraints.txt.
        left_out: packages that are not brought.
        wheels: a folder to take wheels from; None: the registry that pip is set to.
        slim: leave out of Ray what no search uses, and pack all wheels into one archive.

    Raises:
        ClusterError: the folder is in use, a wheel is not to be had, versions do not go together.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ClusterError(f"{folder} is there already: name a new folder, or delete it")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        source = PipDownload(target, Path(scratch), wheels)
        needs = find_needs(
            source.build(project), extras, target, source,
            pins=read_pins(constraints or project / "constraints.txt"), left_out=left_out,
        )  # fmt: skip
        if "pip" not in needs.wheels:  # the installer's own
            needs.wheels["pip"] = source.fetch([Requirement("pip")])[0]
        for name, wheel in needs.wheels.items():
            if slim:
                slim_wheel(wheel)
            needs.wheels[name] = wheel.replace(folder / wheel.name)
    if slim:
        processor = target.platform.split("_", 3)[-1]
        pack_wheels(needs.wheels.values(), folder / install.ARCHIVE, processor)
    _write_papers(folder, target, needs)
    return needs


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the folder that the arguments ask for, tell of it, and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        needs = make_folder(
            options.folder,
            Target(
                python=options.python,
                platform=options.platform,
                has=read_packages(options.have) if options.have else {},
            ),
            project=options.project,
            extras=options.extra,
            constraints=options.constraints,
            left_out=options.without,
            wheels=options.wheels,
            slim=options.slim,
        )
    except ClusterError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    sys.stdout.write(_summary(options.folder, needs))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cluster.offline",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.register("action", None, install.LastHolds)
    add = parser.add_argument
    add("folder", type=Path, help="a new folder")
    add("--python", required=True, metavar="VERSION", help="Python of the machine, as 3.12")
    add(
        "--platform",
        default="manylinux_2_28_x86_64",
        metavar="TAG",
        help="manylinux_2_GLIBC_PROCESSOR (default: %(default)s)",
    )
    add("--have", type=Path, metavar="FILE", help="what `pip list --format=freeze` gave there")
    add("--extra", action="append", default=[], metavar="NAME", help="such as postgres")
    add("--without", action="append", default=[], metavar="PACKAGE", help="do not bring it")
    add("--slim", action="store_true", help="leave out what no search uses; one archive")
    add("--project", type=Path, default=ROOT, metavar="PATH", help="a checkout, or a wheel")
    add("--constraints", type=Path, metavar="FILE", help="versions (default: constraints.txt)")
    add("--wheels", type=Path, metavar="DIR", help="take wheels from there, not from a registry")
    return parser


def read_pins(file: Path) -> dict[str, Version]:
    """Return the versions of a file of constraints, none if it is not there.

    Raises:
        ClusterError: lines that are not NAME==VERSION.
    """
    return read_packages(file) if file.is_file() else {}


def _write_papers(folder: Path, target: Target, needs: Needs) -> None:
    """Write what installs the wheels, what they were made for, and all checksums."""
    shutil.copy(install.__file__, folder / "install.py")
    made_for = {
        "python": target.python,
        "platform": target.platform,
        "relied_on": {name: str(version) for name, version in sorted(needs.relied.items())},
        "left_out": sorted(needs.left_out),
    }
    text = json.dumps(made_for, indent=2) + "\n"
    (folder / install.MADE_FOR).write_text(text, encoding="utf-8")
    files = sorted(file for file in folder.iterdir() if file.name != install.SUMS)
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (folder / install.SUMS).write_text("".join(lines), encoding="utf-8")


def _summary(folder: Path, needs: Needs) -> str:
    packed = folder / install.ARCHIVE
    files = [packed] if packed.exists() else list(needs.wheels.values())
    sizes = {one.name: one.stat().st_size for one in files}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:_NUM_NAMED]
    lines = [
        f"{folder}: {len(needs.wheels)} wheels, {_mib(sum(sizes.values()))}; the largest files:",
        *(f"  {_mib(sizes[name])}  {name}" for name in largest),
    ]
    if needs.relied:
        has = (f"{name} {version}" for name, version in sorted(needs.relied.items()))
        lines.append(f"relied on there: {', '.join(has)}")
    if needs.left_out:
        lines.append(f"left out, as you said: {', '.join(sorted(needs.left_out))}")
    lines.append(f"copy it there, then: python3 {folder.name}/install.py --venv DIR")
    return "\n".join(lines) + "\n"


def _mib(num_bytes: int) -> str:
    return f"{num_bytes / 1024**2:.1f} MiB"


if __name__ == "__main__":
    sys.exit(main())
