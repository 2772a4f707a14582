"""Draws the values of trials over one key."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from tuner.report.figures.style import GROUPS, finish, rows, value_scale

_DECIMAL = (
    "datum.value != 0 && abs(datum.value) < 1e-4"
    " ? format(datum.value, '.2~e') : format(datum.value, '.3~r')"
)
"""How Vega writes the numbers of an axis."""
_FEW_VALUES = 5


def draw_slice(
    name: str,
    metric: str,
    *,
    options: Sequence[Any] | None,
    ends: tuple[Any, Any],
    is_log: bool,
    domain: tuple[float, float] | None,
    has_best: bool,
) -> dict[str, Any]:
    """Return the specification over the data `name`.

    Args:
        name: of the data.
        metric: the title of the value.
        options: of a choice; None for a range.
        ends: of the range.
        is_log: whether equal steps are equal factors.
        domain: of the values, where some are cut off.
        has_best: whether the best trial is among them.
    """
    if options is not None:
        scale = alt.Scale(domain=list(options))
        axis = alt.Axis(labelAngle=0)
        x: Any = alt.X("at:N", sort=list(options), title=None, axis=axis, scale=scale)
    else:
        kind = "log" if is_log else "linear"
        axis = alt.Axis(
            tickCount=4,
            values=_whole_values(ends) or alt.Undefined,
            labelExpr=_DECIMAL,
            labelOverlap="greedy",
            labelSeparation=10,
        )
        scale = alt.Scale(type=kind, domain=list(ends), nice=False, padding=6)
        x = alt.X("at:Q", title=None, scale=scale, axis=axis)
    color = alt.Color(
        "kind:N", scale=alt.Scale(domain=list(GROUPS), range=list(GROUPS.values())), legend=None
    )
    base = alt.Chart(rows(name)).encode(
        x=x,
        y=alt.Y("value:Q", title=metric, scale=value_scale(domain), axis=alt.Axis(tickCount=4)),
        color=color,
        tooltip=["trial:N", "at:N", alt.Tooltip("value:Q", format=".4~g")],
    )
    is_best = "datum.kind == 'best trial'"
    layers = [base.transform_filter(f"!({is_best})").mark_circle(size=26, opacity=0.65)]
    if has_best:
        best = base.transform_filter(is_best)
        layers.append(best.mark_point(size=90, filled=True, opacity=1, shape="diamond"))
    return finish(alt.layer(*layers), 170)


def _whole_values(ends: tuple[Any, Any]) -> list[int]:
    """Return the few values of a range of whole numbers; Vega would put halves between them."""
    if not all(isinstance(end, int) for end in ends) or ends[1] - ends[0] >= _FEW_VALUES:
        return []
    return list(range(ends[0], ends[1] + 1))
