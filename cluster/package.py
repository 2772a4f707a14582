"""The files of a job in one zip file: small enough for the cluster, the same for the same files."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

from cluster.errors import PackageTooLarge

MAX_BYTES = 100 * 1024 * 1024
"""What the dashboard of Ray takes in one request (seen: `413: Maximum request body size`)."""
_NUM_NAMED = 5
_EPOCH = (1980, 1, 1, 0, 0, 0)
_EXECUTABLE = 0o755
_PLAIN = 0o644


def pack(
    target: Path,
    files: Mapping[str, Path],
    texts: Mapping[str, str],
    *,
    max_bytes: int = MAX_BYTES,
) -> Path:
    """Write a zip file and return it.

    Args:
        target: the zip file.
        files: where they lie, by their place in the package.
        texts: what is written to a file of the package, by its place.
        max_bytes: the largest that the zip file may be.

    Raises:
        PackageTooLarge: it is larger; the largest files are named.
        ValueError: a place leads out of the package.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for place, file in sorted(files.items()):
            mode = _EXECUTABLE if os.access(file, os.X_OK) else _PLAIN
            with out.open(_entry(place, mode), "w", force_zip64=True) as entry:
                entry.write(file.read_bytes())
        for place, text in sorted(texts.items()):
            out.writestr(_entry(place, _PLAIN), text)
        sizes = sorted(((one.compress_size, one.filename) for one in out.infolist()), reverse=True)
    size = target.stat().st_size
    if size > max_bytes:
        largest = "".join(f"\n  {_mb(num)}  {name}" for num, name in sizes[:_NUM_NAMED])
        raise PackageTooLarge(
            f"the job's files take {_mb(size)}, and the cluster takes {_mb(max_bytes)}: put the "
            f"data on a disk that the cluster sees, and leave large files out of git. The largest "
            f"are{largest}"
        )
    return target


def _entry(place: str, mode: int) -> zipfile.ZipInfo:
    parts = Path(place).parts
    if Path(place).is_absolute() or ".." in parts or not parts:
        raise ValueError(f"{place!r} leads out of the package: give a place inside")
    entry = zipfile.ZipInfo(place, date_time=_EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = mode << 16
    return entry


def _mb(num_bytes: int) -> str:
    return f"{num_bytes / 1024**2:.1f} MiB"
