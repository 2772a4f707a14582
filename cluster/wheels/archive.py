"""Packs wheels into one archive, for a machine that they reach by a narrow way.

Packed one by one, wheels repeat what they share: Ray's three programs hold the same libraries.
"""

import lzma
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_WINDOW_BYTES = 64 * 1024 * 1024
"""How far back a repetition is found: Ray's programs are 30 MB each. Unpacking takes as much."""
_PRESET = 6
_LZMA: dict[str, Any] = {"id": lzma.FILTER_LZMA2, "preset": _PRESET, "dict_size": _WINDOW_BYTES}
_FILTERS = {"x86_64": {"id": lzma.FILTER_X86}}
"""They write jumps of programs in a way that repeats."""


def pack_wheels(wheels: Iterable[Path], target: Path, processor: str) -> None:
    """Move wheels, best such that are not packed themselves, into a tar file that xz packs."""
    filters = [*([_FILTERS[processor]] if processor in _FILTERS else []), _LZMA]
    with (
        lzma.open(target, "w", filters=filters) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        for wheel in sorted(wheels):
            archive.add(wheel, wheel.name, filter=_nobodys)
            wheel.unlink()


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out whose file it was and when it was written."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry
