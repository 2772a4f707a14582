"""Which wheels a machine needs for a project, beside what it has.

The versions are those that the project's tests ran with, so nothing has to be solved: requirements
are followed, and each is met by what the machine has, else by the pinned version.
"""

import email.parser
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Protocol

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from cluster.errors import ClusterError
from cluster.wheels.target import Target

KEPT = "torch"
"""Its build belongs to the driver of the machine's GPUs, so the machine's own is never replaced."""


class WheelSource(Protocol):
    """Where wheels come from."""

    def fetch(self, wanted: Iterable[Requirement]) -> list[Path]:
        """Return a wheel for each requirement; raises ClusterError where there is none."""
        ...


@dataclass(kw_only=True)
class Needs:
    """What a project needs on a machine.

    Attributes:
        wheels: what has to be brought, by name.
        relied: what the machine has of it.
        left_out: what was asked to be left out, and is needed.
    """

    wheels: dict[str, Path] = field(default_factory=dict)
    relied: dict[str, Version] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Need:
    """A requirement, and whose it is."""

    requirement: Requirement
    by: str

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    def is_met_by(self, version: Version) -> bool:
        return self.requirement.specifier.contains(version, prereleases=True)


def find_needs(
    project: Path,
    extras: Iterable[str],
    target: Target,
    source: WheelSource,
    *,
    pins: Mapping[str, Version],
    left_out: Iterable[str] = (),
) -> Needs:
    """Follow the requirements of a project.

    Args:
        project: its wheel, which is brought, too.
        extras: of the project.
        target: the machine.
        source: where wheels come from.
        pins: the version of each package, by its canonical name; the newest of others.
        left_out: packages that are not brought, nor what only they need.

    Raises:
        ClusterError: two requirements contradict each other, or the machine's torch is too old.
    """
    followed = _Followed(target, source, pins, {canonicalize_name(one) for one in left_out})
    name = wheel_version(project)[0]
    followed.needs.wheels[name] = project
    pending = followed.asked_by(project, name, ("", *extras))
    while pending:
        pending = followed.follow(pending)
    followed.check()
    return followed.needs


def wheel_version(wheel: Path) -> tuple[str, Version]:
    """Return name and version of a wheel."""
    return parse_wheel_filename(wheel.name)[:2]


class _Followed:
    """Requirements that were followed so far, and what they came to."""

    def __init__(
        self,
        target: Target,
        source: WheelSource,
        pins: Mapping[str, Version],
        left_out: set[str],
    ) -> None:
        self.needs = Needs()
        self._target = target
        self._source = source
        self._pins = pins
        self._left_out = left_out
        self._all: list[_Need] = []
        self._extras: dict[str, set[str]] = {}
        self._asked: set[tuple[str, str]] = set()

    def follow(self, pending: list[_Need]) -> list[_Need]:
        """Meet requirements, all wheels at once, and return those that came of it."""
        to_fetch: dict[str, Requirement] = {}
        for need in pending:
            self._all.append(need)
            self._extras.setdefault(need.name, {""}).update(need.requirement.extras)
            if need.name in self._left_out:
                self.needs.left_out.add(need.name)
            elif need.name not in self.needs.wheels and not self._is_there(need):
                to_fetch[need.name] = self._pinned(need)
        read = [
            need for need in pending if need.name in self.needs.relied and need.requirement.extras
        ]
        for wheel in self._source.fetch(to_fetch.values()) if to_fetch else ():
            self.needs.wheels[wheel_version(wheel)[0]] = wheel
        more: list[_Need] = []
        for name in sorted({need.name for need in pending} & self.needs.wheels.keys()):
            more += self.asked_by(self.needs.wheels[name], name, self._extras[name])
        for need in read:
            # What the extras of a package need stands in its wheel only, which is not brought.
            version = self.needs.relied[need.name].public
            wheel = self._source.fetch([Requirement(f"{need.name}=={version}")])[0]
            more += self.asked_by(wheel, need.name, need.requirement.extras, only_extras=True)
        return more

    def asked_by(
        self, wheel: Path, name: str, extras: Iterable[str], *, only_extras: bool = False
    ) -> list[_Need]:
        """Return what a wheel requires with these extras, as far as it was not asked before."""
        new = [extra for extra in extras if (name, extra) not in self._asked]
        self._asked.update((name, extra) for extra in new)
        found = []
        for text in _requires(wheel) if new else ():
            requirement = Requirement(text)
            marker, environment = requirement.marker, self._target.environment
            applies = marker is None or any(
                marker.evaluate({**environment, "extra": extra}) for extra in new
            )
            is_plain = marker is None or marker.evaluate({**environment, "extra": ""})
            if applies and not (only_extras and is_plain):
                found.append(_Need(requirement, name))
        return found

    def check(self) -> None:
        """Hold every requirement against what it came to.

        Raises:
            ClusterError: one is not met.
        """
        brought = {name: wheel_version(wheel)[1] for name, wheel in self.needs.wheels.items()}
        versions = {**self.needs.relied, **brought}
        problems = [
            f"{need.by} wants {need.requirement.name}{need.requirement.specifier}, "
            f"and {versions[need.name]} would be there"
            for need in self._all
            if need.name in versions and not need.is_met_by(versions[need.name])
        ]
        if problems:
            raise ClusterError(
                "the versions do not go together: " + "; ".join(problems) + ". Change them in the "
                "constraints, or leave a package out"
            )

    def _is_there(self, need: _Need) -> bool:
        version = self._target.has.get(need.name)
        if version is None:
            return False
        if need.is_met_by(version):
            self.needs.relied[need.name] = version
            return True
        if need.name == KEPT:
            raise ClusterError(
                f"{need.by} wants {KEPT}{need.requirement.specifier}, and the target has "
                f"{version}, which goes with its driver: install a newer one there first"
            )
        self.needs.relied.pop(need.name, None)
        return False

    def _pinned(self, need: _Need) -> Requirement:
        pin = self._pins.get(need.name)
        if pin is not None:
            return Requirement(f"{need.name}=={pin}")
        asked = [one.requirement.specifier for one in self._all if one.name == need.name]
        return Requirement(f"{need.name}{reduce(and_, asked)}")


def _requires(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        text = archive.read(name).decode()
    return email.parser.HeaderParser().parsestr(text).get_all("Requires-Dist", [])
