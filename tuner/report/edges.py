"""Keys whose best values lie at the end of their range: the range may be too narrow."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from models.wording import count
from tuner.report.coordinates import Axis, axes_of
from tuner.report.importance import LEAST_TRIALS
from tuner.report.material import Material, top_trials
from tuner.report.next_search import next_search
from tuner.report.section import Code, Section, Table
from tuner.report.wording import listing, setting
from tuner.search.domains import Choice

End = Literal["low", "high"]
NEAR = 0.1
"""The part of a range at either end that counts as its edge."""


@dataclass(frozen=True, kw_only=True)
class Edge:
    """A key at an end of its range.

    Attributes:
        axis: the scalar.
        end: which end.
        best: the value of the best trial.
        num_near: how many of the best trials lie at that end.
        num_top: of so many.
    """

    axis: Axis
    end: End
    best: Any
    num_near: int
    num_top: int


def edges_of(material: Material) -> list[Edge]:
    """Return the keys at an edge: there lies the best trial, and half of the best trials."""
    valued = material.valued
    if len(valued) < LEAST_TRIALS:
        return []
    num_top = top_trials(valued)
    top = [material.flat(one) for one in valued[:num_top]]
    found = []
    for axis in axes_of(material.search.space):
        if not _is_ordered(axis) or axis.name not in top[0]:
            continue
        active = [axis.place(point[axis.name]) for point in top if axis.name in point]
        for end in ("low", "high"):
            near = [_is_near(place, end, axis) for place in active]
            if near[0] and 2 * sum(near) >= len(near) and len(near) >= 2:
                edge = Edge(
                    axis=axis,
                    end=end,
                    best=top[0][axis.name],
                    num_near=sum(near),
                    num_top=len(near),
                )
                found.append(edge)
    return found


def edges_section(material: Material) -> Section:
    """Return the section."""
    title = "Ranges and the next search"
    if len(material.valued) < LEAST_TRIALS:
        missing = (
            f"{count(len(material.valued), 'trial')} with a value are too few to say that a range "
            f"is too narrow: it takes {LEAST_TRIALS}.",
        )
        return Section(anchor="edges", title=title, missing=missing)
    edges = edges_of(material)
    if not edges:
        words = ("No key has its best values at an end of its range: no range is too narrow.",)
        return Section(anchor="edges", title=title, words=words)
    said = [
        f"{edge.axis.name} at its {edge.end} end (best {setting(edge.best)}, "
        f"{edge.num_near} of the best {edge.num_top})"
        for edge in edges
    ]
    found = next_search(material, {edge.axis.key: edge.end for edge in edges if _can_widen(edge)})
    words = [f"At an end of the range: {listing(said)}."]
    options = [edge.axis.name for edge in edges if not _can_widen(edge)]
    if options:
        words.append(
            f"{listing(options)} {'is a choice' if len(options) == 1 else 'are choices'}: which "
            "options to add is yours to say."
        )
    codes: tuple[Code, ...] = ()
    if found.text:
        codes = (
            Code(
                title="The next search",
                text=found.text,
                note="Save it as `next.yaml`: `tuner check next.yaml` reads it, and "
                "`tuner search next.yaml` runs it.",
            ),
        )
    tables = (_table(found.widened),) if found.widened else ()
    return Section(
        anchor="edges",
        title=title,
        words=tuple(words),
        missing=found.problems,
        tables=tables,
        codes=codes,
    )


def _table(widened: Mapping[str, tuple[Sequence[Any], Sequence[Any]]]) -> Table:
    rows = tuple(
        (key, f"{setting(old[0])} to {setting(old[1])}", f"{setting(new[0])} to {setting(new[1])}")
        for key, (old, new) in widened.items()
    )
    return Table(columns=("key", "range", "next range"), rows=rows)


def _can_widen(edge: Edge) -> bool:
    return not isinstance(edge.axis.domain, Choice)


def _is_ordered(axis: Axis) -> bool:
    """Return whether the values have ends: a range, or three numbers and more to choose from."""
    if not isinstance(axis.domain, Choice):
        return True
    options = axis.domain.options
    numbers = [o for o in options if isinstance(o, int | float) and not isinstance(o, bool)]
    return len(numbers) == len(options) >= 3 and list(options) == sorted(numbers)


def _is_near(place: float, end: End, axis: Axis) -> bool:
    distance = place if end == "low" else 1 - place
    # On a coarse grid the last value alone is the edge, however wide its step.
    return math.isclose(distance, 0.0, abs_tol=1e-9) or (
        not isinstance(axis.domain, Choice) and distance <= NEAR and axis.domain.num_values > 10
    )
