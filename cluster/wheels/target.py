"""The machine that wheels are for: its Python, its platform, and the packages that it has."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from cluster.errors import ClusterError

_PYTHON = re.compile(r"3\.\d+(\.\d+)?")
_PLATFORM = re.compile(r"manylinux_2_(\d+)_(x86_64|aarch64)")
_OLDEST_GLIBC = {"x86_64": 5, "aarch64": 17}
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
"""What wheels of a glibc are called, too."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where wheels are installed.

    Attributes:
        python: its version, as `3.12`.
        platform: the newest tag that it takes, as `manylinux_2_28_x86_64`: Linux with glibc 2.28.
        has: versions of the packages that it has, by their canonical names.

    Raises:
        ClusterError: a Python or a platform that is not written so.
    """

    python: str
    platform: str
    has: Mapping[str, Version] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _PYTHON.fullmatch(self.python):
            raise ClusterError(f"{self.python!r} is no version of Python: write it as 3.12")
        if not _PLATFORM.fullmatch(self.platform):
            raise ClusterError(
                f"{self.platform!r} is no platform that wheels are made for here: write it as "
                "manylinux_2_28_x86_64, with the glibc that `ldd --version` tells there and the "
                "processor that `uname -m` tells, x86_64 or aarch64"
            )

    @property
    def environment(self) -> dict[str, str]:
        """What the markers of requirements ask about."""
        minor = ".".join(self.python.split(".")[:2])
        full = self.python if self.python != minor else f"{minor}.0"
        return {
            "implementation_name": "cpython",
            "implementation_version": full,
            "os_name": "posix",
            "platform_machine": self.platform.split("_", 3)[3],
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": full,
            "python_version": minor,
            "sys_platform": "linux",
        }

    def platforms(self) -> list[str]:
        """Return the tags of all wheels that run there, the newest first."""
        found = _PLATFORM.fullmatch(self.platform)
        assert found is not None
        newest, processor = int(found[1]), found[2]
        tags = []
        for glibc in range(newest, _OLDEST_GLIBC[processor] - 1, -1):
            tags.append(f"manylinux_2_{glibc}_{processor}")
            if glibc in _OLD_NAMES:
                tags.append(f"{_OLD_NAMES[glibc]}_{processor}")
        return [*tags, f"linux_{processor}"]


def read_packages(file: Path) -> dict[str, Version]:
    """Return what a machine has, from what `pip list --format=freeze` (or json) gave.

    Raises:
        ClusterError: no such file, or lines that pip does not write.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ClusterError(f"{file} cannot be read: {error}") from error
    pairs = _pairs_of_json(file, text) if text.lstrip().startswith("[") else _pairs(file, text)
    has = {}
    for name, version in pairs:
        try:
            has[canonicalize_name(name)] = Version(version)
        except InvalidVersion as error:
            raise ClusterError(f"{file}: {version!r} of {name} is no version") from error
    return has


def _pairs_of_json(file: Path, text: str) -> list[tuple[str, str]]:
    try:
        return [(str(one["name"]), str(one["version"])) for one in json.loads(text)]
    except (ValueError, TypeError, KeyError) as error:
        raise ClusterError(f"{file} is not what `pip list --format=json` writes") from error


def _pairs(file: Path, text: str) -> list[tuple[str, str]]:
    pairs = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split("==")
        if words == [""] or not words[0].strip():
            continue
        if len(words) != 2:
            raise ClusterError(
                f"{file}, line {number}: {line!r} is not NAME==VERSION, which "
                "`python3 -m pip list --format=freeze` writes there"
            )
        pairs.append((words[0].strip(), words[1].strip()))
    return pairs
