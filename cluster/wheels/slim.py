"""Makes a wheel smaller by what no search uses; what is left installs as any wheel.

Of Ray (79 MB) a fifth remains once it is packed: no Java, C++, RLlib, LLM and Serve, and its
programs without the names of their symbols. Files are not packed here: `cluster.wheels.archive`
packs them better, all in one.
"""

import base64
import csv
import hashlib
import io
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

_LEFT_OUT = {
    "ray": (
        "ray/jars/",
        "ray/cpp/",
        "ray/rllib/",
        "ray/llm/",
        "ray/serve/",
        "ray/core/libjemalloc.so",
    ),
}
"""What is left out of a package, by its name: folders, and files. Others are left as they are."""
_FOLDERS = {"tests"}
_ENDINGS = (".js.map", ".pyi")
_ELF = b"\x7fELF"
_EXECUTABLE = 0o100755 << 16
"""Pip keeps a run bit of what is said to be a plain file only."""
_PLAIN = 0o100644 << 16
_EPOCH = (1980, 1, 1, 0, 0, 0)


def slim_wheel(wheel: Path) -> None:
    """Write a wheel again, in its place and unpacked, that of Ray without what no search uses."""
    package = wheel.name.partition("-")[0].lower()
    beside = wheel.with_suffix(".part")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(beside, "w") as new:
        if package not in _LEFT_OUT:
            for entry in old.infolist():
                content = old.read(entry)
                entry.compress_type = zipfile.ZIP_STORED
                new.writestr(entry, content)
        else:
            _write_used(package, old, new)
    beside.replace(wheel)


def _write_used(package: str, old: zipfile.ZipFile, new: zipfile.ZipFile) -> None:
    """Write what is used of a package, and the list of it."""
    record = next(one for one in old.namelist() if one.endswith(".dist-info/RECORD"))
    rows = []
    for entry in old.infolist():
        if entry.is_dir() or entry.filename == record or not _is_used(package, entry.filename):
            continue
        content = old.read(entry)
        if content.startswith(_ELF):
            content = _stripped(content)
        runs = bool((entry.external_attr >> 16) & 0o111)
        new.writestr(_entry(entry.filename, runs), content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
        rows.append((entry.filename, f"sha256={digest.decode()}", len(content)))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([*rows, (record, "", "")])
    new.writestr(_entry(record, False), text.getvalue())


def _is_used(package: str, name: str) -> bool:
    folders = PurePosixPath(name).parts[1:-1]
    return not (
        name.startswith(_LEFT_OUT[package]) or name.endswith(_ENDINGS) or _FOLDERS & {*folders}
    )


def _entry(name: str, runs: bool) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=_EPOCH)
    entry.external_attr = _EXECUTABLE if runs else _PLAIN
    return entry


def _stripped(program: bytes) -> bytes:
    """Return a program without symbols; as it is where there is no `strip`."""
    strip = shutil.which("strip")
    if strip is None:
        return program
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "program"
        file.write_bytes(program)
        done = subprocess.run(
            [strip, "--strip-unneeded", str(file)], check=False, capture_output=True
        )
        return file.read_bytes() if done.returncode == 0 else program
