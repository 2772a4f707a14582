"""Slices: the value of every trial over one key at a time, the most important keys first."""

from typing import Any

from models.wording import count
from tuner.report.coordinates import Axis, axes_of
from tuner.report.figures.slices import draw_slice
from tuner.report.groups import GROUPS, Grouped, grouped
from tuner.report.importance import Importances
from tuner.report.material import Material
from tuner.report.section import Figure, Section
from tuner.report.thinning import plain_domain
from tuner.report.wording import listing, number, setting
from tuner.search.domains import Choice

_MOST_TRIALS = 1000
_MOST_SLICES = 16


def slices_section(material: Material, found: Importances | None) -> Section:
    """Return the section; `found` orders the keys."""
    title = "Parameters one by one"
    if not material.valued:
        missing = ("No trial has a value yet.",)
        return Section(anchor="slices", title=title, missing=missing)
    shown = grouped(material, _MOST_TRIALS)
    order = [one.name for one in found.items] if found else []
    axes = sorted(
        axes_of(material.search.space),
        key=lambda axis: order.index(axis.name) if axis.name in order else len(order),
    )
    domain = plain_domain([one.value for one in shown.trials], worse_low=material.sign > 0)
    figures = [
        _figure(material, axis, shown, domain, index)
        for index, axis in enumerate(axes[:_MOST_SLICES])
    ]
    words = [_words(material)]
    if len(axes) > _MOST_SLICES:
        rest = listing([axis.name for axis in axes[_MOST_SLICES:]])
        words.append(f"Not drawn, as they mattered least: {rest}.")
    notes = [shown.note]
    if domain:
        notes.append(
            f"Values worse than {number(domain[0 if material.sign > 0 else 1])} are drawn at the "
            "edge."
        )
    return Section(
        anchor="slices", title=title, words=(*words, " ".join(notes)), figures=tuple(figures)
    )


def _words(material: Material) -> str:
    best = material.best
    assert best is not None
    active = [f"{key} {setting(value)}" for key, value in best.row.params.items()]
    return f"The best trial has {listing(active, 20)}."


def _figure(
    material: Material,
    axis: Axis,
    shown: Grouped,
    domain: tuple[float, float] | None,
    index: int,
) -> Figure:
    points = [
        (material.flat(one), one, kind) for one, kind in zip(shown.trials, shown.kinds, strict=True)
    ]
    active = [(point[axis.name], one, kind) for point, one, kind in points if axis.name in point]
    name = f"slice_{index}"
    columns: dict[str, list[Any]] = {
        "at": [axis.label(value) for value, _, _ in active],
        "value": [one.value for _, one, _ in active],
        "trial": [one.row.number for _, one, _ in active],
        "kind": [kind for _, _, kind in active],
    }
    options = (
        [axis.label(option) for option in axis.domain.options]
        if isinstance(axis.domain, Choice)
        else None
    )
    ends = axis.domain.extremes
    missing = len(points) - len(active)
    return Figure(
        name=name,
        title=axis.name,
        spec=draw_slice(
            name,
            material.metric,
            options=options,
            ends=(ends[0], ends[-1]),
            is_log=axis.is_log,
            domain=domain,
            has_best=GROUPS[0] in columns["kind"],
        ),
        data={name: columns},
        note=f"Not active in {count(missing, 'trial')}." if missing else "",
        small=True,
    )
