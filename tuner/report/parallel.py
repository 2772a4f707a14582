"""Parallel coordinates: a line a trial across all keys, and what the best have in common."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.wording import count
from tuner.report.coordinates import Axis, axes_of, places
from tuner.report.figures.parallel import draw_parallel
from tuner.report.groups import grouped
from tuner.report.material import Material, top_trials
from tuner.report.section import Figure, Section
from tuner.report.thinning import some
from tuner.report.wording import listing, number, setting
from tuner.search.domains import Choice

_MOST_TRIALS = 300
_MOST_COMPARED = 2000
_NOT_ACTIVE = -0.08
_NUM_DRAWS = 1000
_LEVEL = 0.05


@dataclass(frozen=True, kw_only=True)
class Common:
    """A key in which the best trials lie closer together than as many trials at random.

    Attributes:
        low, high: the ends of the values of the best; equal for an option.
    """

    name: str
    low: Any
    high: Any


def common(material: Material) -> list[Common]:
    """Return what the best trials have in common, beyond chance for as many keys."""
    num_top = top_trials(material.valued)
    valued = some(material.valued, max(_MOST_COMPARED, 2 * num_top), num_top)
    if len(valued) < 2 * num_top:
        return []
    axes = axes_of(material.search.space)
    points = [material.flat(one) for one in valued]
    where = places(axes, points)
    found = []
    for index, axis in enumerate(axes):
        rows = np.flatnonzero(~np.isnan(where[:, index]))
        top = rows[rows < num_top]
        if len(top) < num_top or len(rows) < 2 * num_top:
            continue
        if _odds(where[rows, index], num_top, isinstance(axis.domain, Choice)) * len(axes) < _LEVEL:
            values = sorted((points[row][axis.name] for row in top), key=axis.place)
            found.append(Common(name=axis.name, low=values[0], high=values[-1]))
    return found


def parallel_section(material: Material) -> Section:
    """Return the section."""
    title = "Parameters together"
    if len(material.valued) < 2:
        missing = ("It takes two trials with a value.",)
        return Section(anchor="parallel", title=title, missing=missing)
    shown = grouped(material, _MOST_TRIALS)
    axes = axes_of(material.search.space)
    columns: dict[str, list[Any]] = {
        name: [] for name in ("trial", "order", "key", "place", "text", "kind", "front")
    }
    values = [one.value for one in material.valued]
    for one, kind in zip(shown.trials, shown.kinds, strict=True):
        point = material.flat(one)
        row = [
            (axis.name, axis.place(point[axis.name]), setting(point[axis.name]))
            if axis.name in point
            else (axis.name, _NOT_ACTIVE, "not active")
            for axis in axes
        ]
        row.append((material.metric, _share(one.value, values), number(one.value)))
        for order, (key, place, text) in enumerate(row):
            cells = (one.row.number, order, key, place, text, kind, -one.rank)
            for name, cell in zip(columns, cells, strict=True):
                columns[name].append(cell)
    ends = [(axis.name, *_ends(axis)) for axis in axes]
    ends.append((material.metric, number(min(values)), number(max(values))))
    names = [name for name, _, _ in ends]
    figure = Figure(
        name="parallel",
        spec=draw_parallel(names, shown.kinds),
        data={
            "parallel": columns,
            "ends": {
                "key": names * 2,
                "place": [0.0] * len(names) + [1.0] * len(names),
                "text": [low for _, low, _ in ends] + [high for _, _, high in ends],
            },
        },
        note=f"A line is a trial, from key to key downwards; left is the low end of the range, "
        f"left of it a key that is not active. {shown.note}",
    )
    return Section(anchor="parallel", title=title, words=_words(material), figures=(figure,))


def _words(material: Material) -> tuple[str, ...]:
    num_top = top_trials(material.valued)
    found = common(material)
    if found:
        said = [
            f"{one.name} {setting(one.low)}"
            if one.low == one.high
            else f"{one.name} between {setting(one.low)} and {setting(one.high)}"
            for one in found
        ]
        return (f"The best {num_top} have in common: {listing(said)}.",)
    if len(material.valued) < 2 * num_top:
        return (f"{count(len(material.valued), 'trial')} are too few to tell what the best share.",)
    return (f"The best {num_top} lie no closer together in any key than chance would have it.",)


def _odds(where: NDArray[np.float64], num_top: int, is_choice: bool) -> float:
    """Return how often as many trials at random lie as close together as the first do."""

    def spread(rows: NDArray[np.intp]) -> float:
        # By rank: a search that looks where it is good has more trials there anyway.
        return float(np.ptp(ranks[rows]))

    ranks = where if is_choice else np.searchsorted(np.sort(where), where).astype(float)
    if is_choice and spread(np.arange(num_top)) > 0:
        return 1.0
    own = spread(np.arange(num_top))
    rng = np.random.default_rng(0)
    drawn = [spread(rng.permutation(len(where))[:num_top]) for _ in range(_NUM_DRAWS)]
    return (1 + sum(one <= own for one in drawn)) / (1 + _NUM_DRAWS)


def _ends(axis: Axis) -> tuple[str, str]:
    ends = axis.domain.extremes
    return setting(ends[0]), setting(ends[-1])


def _share(value: float, values: list[float]) -> float:
    low, high = min(values), max(values)
    return (value - low) / (high - low) if high > low and math.isfinite(high - low) else 0.5
