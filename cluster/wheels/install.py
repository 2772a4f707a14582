"""Installs the wheels of this folder, without a network, after their checksums were checked.

python3 install.py --venv DIR      into an environment that also sees what this Python has
python3 install.py --into DIR      into a plain folder, for PYTHONPATH
python3 install.py --check         only look whether all is whole and fits this machine

It is run with the Python of the machine, and needs nothing but that: this file goes along with the
wheels, so it imports nothing of ours. What is refused is told, with exit code 2.
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import site
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUMS = "SHA256SUMS"
MADE_FOR = "made_for.json"
ARCHIVE = "wheels.tar.xz"
"""Holds the wheels, unless they lie beside it."""
_CHUNK = 1 << 20


class Refused(Exception):
    """What is here cannot be installed on this machine."""


class LastHolds(argparse._StoreAction):
    """Stores the value of a flag, and says so where it takes the place of another.

    argparse does not say it. `tuner` has the same; this one is for machines with nothing of ours.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: "str | None" = None,
    ) -> None:
        """Store the value that argparse has read."""
        given = vars(parser).setdefault("_given", {}) if option_string else {}
        if self.dest in given and given[self.dest] != values:
            both = f"as {given[self.dest]} and as {values}"
            sys.stderr.write(f"note: {option_string} is given twice, {both}: the last holds\n")
        given[self.dest] = values
        setattr(namespace, self.dest, values)


def main(arguments: "list[str] | None" = None) -> int:
    """Check, install, and say how to go on; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.register("action", None, LastHolds)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--venv", metavar="DIR", type=Path, help="an environment, made if need be")
    where.add_argument("--into", metavar="DIR", type=Path, help="a folder")
    where.add_argument("--check", action="store_true", help="install nothing")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            said = _install(options, Path(scratch))
    except Refused as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    sys.stdout.write(said)
    return 0


def _install(options: argparse.Namespace, scratch: Path) -> str:
    """Do what the options say, and return what is said of it."""
    wheels = [*check_sums(HERE), *unpacked(HERE / ARCHIVE, scratch)]
    notes = check_machine(json.loads((HERE / MADE_FOR).read_text(encoding="utf-8")))
    for note in notes:
        sys.stderr.write(f"note: {note}\n")
    if options.venv is not None:
        said = install_venv(options.venv.absolute(), wheels)
    elif options.into is not None:
        said = install_folder(options.into.absolute(), wheels)
    else:
        said = "nothing was installed"
    return f"{len(wheels)} wheels, all as they were made\n{said}\n"


def check_sums(folder: Path) -> "list[Path]":
    """Return the wheels of a folder that is what its checksums say.

    Raises:
        Refused: a file is missing, is another, or is in no list.
    """
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Refused(f"{folder / SUMS} cannot be read ({error}): copy the folder again") from error
    told = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    problems = []
    for name, digest in sorted(told.items()):
        if Path(name).name != name or not (folder / name).is_file():
            problems.append(f"{name} is missing")
        elif _digest(folder / name) != digest:
            problems.append(f"{name} is damaged")
    wheels = sorted(folder.glob("*.whl"))
    problems += [f"{one.name} is in no list" for one in wheels if one.name not in told]
    if problems:
        raise Refused(f"{folder}: {', '.join(problems)}. Copy the folder again")
    return wheels


def unpacked(archive: Path, folder: Path) -> "list[Path]":
    """Return the wheels of an archive, if there is one, unpacked into a folder.

    Raises:
        Refused: this Python cannot read it.
    """
    if not archive.exists():
        return []
    try:
        with tarfile.open(archive, "r:xz") as packed:
            for entry in packed:
                content = packed.extractfile(entry)
                if content is None or Path(entry.name).name != entry.name:
                    raise Refused(f"{archive} holds {entry.name}, which is no wheel")
                with (folder / entry.name).open("wb") as out:
                    shutil.copyfileobj(content, out)
    except (tarfile.CompressionError, MemoryError) as error:
        raise Refused(f"{archive} cannot be unpacked ({error}): make it without --slim") from error
    return sorted(folder.glob("*.whl"))


def check_machine(made_for: "dict[str, object]") -> "list[str]":
    """Return what differs from the machine that the wheels were made for, and does no harm.

    Raises:
        Refused: another Python or processor, an older glibc, or a package that was relied on.
    """
    problems, notes = [], []
    python = ".".join(map(str, sys.version_info[:2]))
    wanted = str(made_for["python"])
    if wanted.split(".")[:2] != python.split("."):
        problems.append(
            f"they are for Python {wanted}, and this one ({sys.executable}) is {python}"
        )
    _, _, glibc, processor = str(made_for["platform"]).split("_", 3)
    if processor != platform.machine():
        problems.append(f"they are for {processor}, and this is a {platform.machine()}")
    name, version = platform.libc_ver()
    if name == "glibc" and int(version.split(".")[1]) < int(glibc):
        problems.append(f"they are for glibc 2.{glibc}, and this machine has {version}")
    relied = made_for["relied_on"]
    assert isinstance(relied, dict)
    for package, told in sorted(relied.items()):
        try:
            found = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            problems.append(f"{package} {told} was to be on this machine, and is not")
            continue
        if found != told:
            notes.append(f"{package} is {found} here, and was to be {told}")
    if problems:
        raise Refused(
            f"these wheels do not fit this machine: {'; '.join(problems)}. Make a folder with its "
            "`python3 -m pip list --format=freeze`, for its Python and platform"
        )
    return notes


def install_venv(folder: Path, wheels: "list[Path]") -> str:
    """Install into an environment that also sees the packages of this Python."""
    python = folder / "bin" / "python"
    if not python.exists():
        _run([sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", str(folder)])
    inside = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(_run([str(python), "-c", inside]).strip())
    if sys.prefix != sys.base_prefix and Path(sys.prefix).resolve() != folder.resolve():
        # An environment of an environment sees the packages of the first one's Python only.
        lines = [path for path in site.getsitepackages() if Path(path).is_dir()]
        (packages / "of_this_machine.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _pip([], wheels, python)
    return f"go on with\n  source {folder}/bin/activate"


def install_folder(folder: Path, wheels: "list[Path]") -> str:
    """Install into a plain folder."""
    _pip(["--target", str(folder)], wheels, Path(sys.executable))
    return f"go on with\n  export PYTHONPATH={folder} PATH={folder}/bin:$PATH"


def _pip(where: "list[str]", wheels: "list[Path]", python: Path) -> None:
    """Run the pip that came along, so that this Python needs none."""
    pip = next((one for one in wheels if one.name.startswith("pip-")), None)
    own = [str(python), f"{pip}/pip"] if pip else [str(python), "-m", "pip"]
    flags = ["--no-index", "--no-deps", "--no-cache-dir", "--no-warn-script-location", "--quiet"]
    again = ["--upgrade", "--force-reinstall", "--disable-pip-version-check"]
    named = [str(one) for one in wheels if one != pip]
    _run([*own, "install", *flags, *again, *where, *named])


def _run(command: "list[str]") -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean)
    if done.returncode != 0:
        raise Refused(f"{' '.join(command[:4])} ... failed:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
