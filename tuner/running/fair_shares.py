"""Which part of a cluster each of several searches may hold: equal ones, as far as they are wanted.

The rule is max-min fairness: what one search does not want, the others share. Every driver writes
what it wants into the key-value store of Ray's head, where all of them read it; one that has not
written for a while is gone. Nothing of it is more than numbers and names of nodes.
"""

import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

logger = logging.getLogger(__name__)

_NAMESPACE = "grammar-tuner"
_PREFIX = "searching-"
_GONE_S = 15.0
"""A driver writes every other second, unless it waits for the disk or for a sampler."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a search wants.

    Attributes:
        began: seconds since 1970; who began first comes first where slots do not divide.
        wants: as a part of all the slots that it could use.
        nodes: on which its trials can run.
        beat: rises whenever it is written.
    """

    began: float
    wants: float
    nodes: frozenset[str]
    beat: int = 0


def fair_parts(wants: Sequence[float]) -> list[float]:
    """Return how much of 1 each gets who wants so much, by max-min fairness."""
    parts, left = [0.0] * len(wants), 1.0
    order = sorted(range(len(wants)), key=wants.__getitem__)
    for place, which in enumerate(order):
        parts[which] = min(wants[which], left / (len(order) - place))
        left -= parts[which]
    return parts


def fair_slots(own: Claim, others: Iterable[Claim], num_slots: int) -> int | None:
    """Return how many of `num_slots` slots a search may hold; None where it is alone.

    Searches that share no node do not count. With more searches than slots some may hold none:
    these take turns.
    """
    rivals = [one for one in others if one.wants > 0 and one.nodes & own.nodes]
    if not rivals:
        return None
    claims = sorted([own, *rivals], key=lambda claim: claim.began)
    place = claims.index(own)
    parts = fair_parts([1.0 if claim is own else claim.wants for claim in claims])
    before = sum(parts[:place])
    # Ends of stretches that lie side by side are rounded alike, so no slot is left over.
    return _whole(num_slots * (before + parts[place])) - _whole(num_slots * before)


class Store(Protocol):
    """The key-value store of Ray's head."""

    def write(self, key: str, value: bytes) -> None:
        """Write a value."""
        ...

    def read(self) -> dict[str, bytes]:
        """Return all values by key."""
        ...

    def remove(self, key: str) -> None:
        """Remove a value."""
        ...


class Claims:
    """What the searches of a cluster want, as seen by one of them.

    Args:
        store: where they stand.
        name: of the own search, unlike all others there.
        clock: seconds that only rise.
    """

    def __init__(
        self, store: Store, name: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._name = name
        self._clock = clock
        self._seen: dict[str, tuple[bytes, float]] = {}

    def write(self, claim: Claim) -> None:
        """Say what the own search wants."""
        content = {
            "began": claim.began,
            "wants": claim.wants,
            "nodes": sorted(claim.nodes),
            "beat": claim.beat,
        }
        self._store.write(self._name, json.dumps(content).encode())

    def others(self) -> list[Claim]:
        """Return the claims of the other searches that live."""
        now, found = self._clock(), self._store.read()
        found.pop(self._name, None)
        seen = self._seen
        self._seen = {
            key: seen[key] if key in seen and seen[key][0] == value else (value, now)
            for key, value in found.items()
        }
        living = [value for value, since in self._seen.values() if now - since < _GONE_S]
        return [claim for value in living if (claim := _claim(value)) is not None]

    def withdraw(self) -> None:
        """Want nothing any more."""
        self._store.remove(self._name)


class RayStore:
    """The store of the Ray that is connected."""

    def write(self, key: str, value: bytes) -> None:
        """Write a value."""
        from ray.experimental.internal_kv import _internal_kv_put

        _internal_kv_put(_PREFIX + key, value, overwrite=True, namespace=_NAMESPACE)

    def read(self) -> dict[str, bytes]:
        """Return all values by key."""
        from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_list

        keys = [key.decode() for key in _internal_kv_list(_PREFIX, namespace=_NAMESPACE)]
        values = {key: _internal_kv_get(key, namespace=_NAMESPACE) for key in keys}
        return {key.removeprefix(_PREFIX): value for key, value in values.items() if value}

    def remove(self, key: str) -> None:
        """Remove a value."""
        from ray.experimental.internal_kv import _internal_kv_del

        _internal_kv_del(_PREFIX + key, namespace=_NAMESPACE)


def _claim(value: bytes) -> Claim | None:
    """Return what another driver wrote; None if it is of another version than this one."""
    try:
        content: dict[str, Any] = json.loads(value)
        return Claim(
            began=float(content["began"]),
            wants=min(1.0, max(0.0, float(content["wants"]))),
            nodes=frozenset(map(str, content["nodes"])),
            beat=int(content["beat"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        logger.warning("a search of this cluster says what it wants in other words: %r", error)
        return None


def _whole(slots: float) -> int:
    return math.floor(slots + 1e-9)
